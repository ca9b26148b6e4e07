# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""How the report of a segmentation looks on a screen, a phone and paper."""

#: Sheet of styles. What needs scripts is shown only where they run.
STYLE = """
:root { color-scheme: light; --line: #dfe3e8; --soft: #5a6472; --accent: #1f5fa8; }
* { box-sizing: border-box; }
body { max-width: 1240px; margin: 1.4em auto 4em; }
h1 { margin: 0 0 .5em; } h2 { margin: 2.2em 0 .4em; }
p { max-width: 75ch; margin: .4em 0 .8em; }
code { overflow-wrap: anywhere; background: #f3f5f7; padding: .1em .3em;
       border-radius: 3px; }
.note { font-size: .92em; color: var(--soft); }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(190px, 1fr));
         gap: .5em 1.6em; margin: 0; padding: .9em 1.1em; background: #f6f8fa;
         border: 1px solid var(--line); border-radius: 8px; }
.facts div { min-width: 0; } .facts .wide { grid-column: 1 / -1; }
.facts dt { font-size: .8em; color: var(--soft); }
.facts code { padding: 0; background: none; }
.facts dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.script { display: none; } [hidden] { display: none !important; }
button, input { font: inherit; }
button { cursor: pointer; border: 1px solid #c3cad3; background: #fff; color: inherit;
         border-radius: 6px; padding: .3em .7em; min-height: 2.3em; }
button:hover { background: #f1f4f8; }
:focus-visible { outline: 3px solid #4c9bf5; outline-offset: 1px; }
input[type=range] { accent-color: var(--accent); vertical-align: middle; }
.main { background: var(--accent); border-color: var(--accent); color: #fff;
        font-weight: 600; }
.main:hover { background: #174a85; }
#bar { position: sticky; top: 0; z-index: 5; gap: .5em .8em; align-items: center;
       flex-wrap: wrap; background: #fffffff2; border-bottom: 1px solid var(--line);
       padding: .6em 0; margin-top: 1em; }
#bar .slide { display: flex; align-items: center; gap: .5em; flex: 1 1 340px; }
#bar input { flex: 1; min-width: 90px; }
#bar output { font-size: 1.5em; font-weight: 700; min-width: 1.6em; text-align: right;
              font-variant-numeric: tabular-nums; }
#shown { display: inline-flex; align-items: center; gap: .5em; }
#options { flex-wrap: wrap; gap: .4em 1.6em; align-items: center; margin: .4em 0 .8em; }
#options fieldset { border: 0; padding: 0; margin: 0; display: flex; flex-wrap: wrap;
                    gap: .3em 1em; } #options legend { float: left; padding: 0 .8em 0 0; }
.views { display: grid; grid-template-columns: repeat(auto-fit, minmax(280px, 1fr));
         gap: 1em; align-items: start; }
.views figure { min-width: 0; }
.stack { position: relative; line-height: 0; border: 1px solid var(--line); }
.stack img { width: 100%; image-rendering: auto; }
.stack .classes { image-rendering: pixelated; }
.stack canvas { display: none; cursor: pointer; image-rendering: pixelated; }
.js .stack .classes, .js .stack canvas { display: block; position: absolute; inset: 0;
                                         width: 100%; height: 100%; }
.stack i { position: absolute; width: 14px; height: 14px; margin: -7px 0 0 -7px;
           border: 2px solid #fff; outline: 1.5px solid #000; border-radius: 50%;
           pointer-events: none; display: none; }
figcaption { font-size: .92em; margin-top: .3em; }
.swatch { border-radius: 3px; border: 1px solid #0003; flex: none; }
.chips { display: flex; flex-wrap: wrap; gap: .35em; margin: .8em 0; }
.chips button { display: inline-flex; align-items: center; gap: .45em;
                padding: .2em .6em; max-width: 100%; }
[aria-pressed=true] { background: #e3eefb !important; border-color: var(--accent); }
.branches { display: grid; grid-template-columns: minmax(120px, 240px) 1fr;
            border-bottom: 1px solid var(--line); }
.branches .head { align-self: end; padding: 0 .8em 2px 0; text-align: right;
                  font-size: .82em; color: var(--soft); line-height: 1.25; }
.leaves button { display: flex; align-items: center; gap: .5em; width: 100%;
                 height: 38px; min-height: 0; padding: 0 .5em; border-color: transparent;
                 text-align: left; overflow: hidden; white-space: nowrap; }
.leaves img { width: 32px; height: 32px; flex: none; image-rendering: pixelated; }
.leaves span:last-child { overflow: hidden; text-overflow: ellipsis; }
svg { display: block; overflow: visible; font: 11px system-ui, sans-serif; }
svg text, #axes text { fill: #444; text-anchor: middle; }
svg .end, #axes .end { text-anchor: end; }
svg .start { text-anchor: start; } svg .strong { font-weight: 700; fill: #222; }
.defs { position: absolute; }
.tree line { stroke: #c2c8d0; stroke-width: 3; stroke-linecap: round; }
.tree rect { fill: #b9c2cd; } .tree rect.done { fill: #6d7a89; }
.js .tree { cursor: pointer; }
svg .cut { stroke: var(--accent) !important; stroke-width: 2 !important;
           stroke-dasharray: 5 4; stroke-linecap: butt !important; }
#axes line { stroke: var(--line); } #axes .others path { stroke: #c9ced6;
             stroke-width: 1; fill: none; opacity: .7; }
.own path { fill: none; stroke-width: 2.5; stroke-linejoin: round; }
.own .band { opacity: .25; stroke: none; }
.own text { font-weight: 600; paint-order: stroke; stroke: #fff; stroke-width: 3; }
.spectrum { width: 250px; }
.curves { display: grid; grid-template-columns: repeat(auto-fill, minmax(290px, 1fr));
          gap: 1.4em; }
.curves h3 { font-size: 1em; margin: 0 0 .2em; }
.curves p { margin: .2em 0; }
.curve { width: 100%; max-width: 420px; }
.curve .axes line { stroke: var(--line); } .curve path { fill: none; stroke: #444;
                                                         stroke-width: 2; }
.curve circle { fill: #444; } .curve .chosen { fill: #fff; stroke: #d1480f;
                                               stroke-width: 3; }
.curve text.strong { paint-order: stroke; stroke: #fff; stroke-width: 4; }
.classes-table { width: 100%; }
.classes-table td, .classes-table th { vertical-align: middle; padding: 6px 8px;
                      font-variant-numeric: tabular-nums; }
.classes-table th { white-space: nowrap; width: 1%; }
.classes-table th:first-child { width: auto; }
.classes-table .left { text-align: left; }
.classes-table td img { width: 92px; height: 92px; max-width: none; display: block;
                        margin-left: auto; }
.classes-table td[data-value] { white-space: nowrap; }
.name { display: flex; align-items: center; gap: .5em; text-align: left; }
.name input { flex: 1; min-width: 5em; max-width: 18em; padding: .3em .5em; border: 1px solid #c3cad3;
              border-radius: 6px; }
.number { font-weight: 600; min-width: 1.6em; }
.about:empty { display: none; } .about { font-size: .86em; max-width: 9em; color: var(--soft); text-align: left; }
tr.part { opacity: .5; } tr.part td { padding-top: 2px; padding-bottom: 2px;
                                      border-bottom-color: #eee; }
tr.part td img { width: 34px; height: 34px; } tr.part .spectrum { display: none; }
tr.part .name { padding-left: 1.4em; } .js tr.part input { display: none; }
tr.faded { opacity: .25; }
#problem { color: #b02a10; font-weight: 600; } #problem:empty { display: none; }
.save { flex-wrap: wrap; gap: .6em 1em; align-items: center; margin: 1em 0; }
.js .script { display: block; }
.js #bar, .js #options, .js .save, .js #shown[data-on] { display: flex; }
.js #shown:not([data-on]) { display: none; }
.js .stack .classes.hidden { display: none; }
@media (min-width: 700px) { .js .side { grid-template-columns: 1fr 1fr; } }
.js .views.single { grid-template-columns: minmax(0, 1fr); justify-items: center; }
.js .views.single figure { width: 100%; max-width: 900px; }
@media screen {
  .js .views figure.off { display: none; }
}
@media screen and (max-width: 760px) {
  body { margin-top: .8em; padding: 0 .8em; }
  .js .side { grid-template-columns: 1fr; }
  .facts { grid-template-columns: repeat(auto-fill, minmax(135px, 1fr)); }
  .branches { grid-template-columns: 136px 1fr; }
  .leaves button { gap: .35em; padding: 0 .2em; }
  #bar .slide { display: grid; grid-template-columns: auto 1fr auto; }
  #bar .slide label { grid-area: 1 / 1 / 2 / 3; }
  #bar .slide output { grid-area: 1 / 3; }
  .classes-table thead { display: none; }
  .classes-table, .classes-table tbody { display: block; }
  .classes-table tr { display: grid; grid-template-columns: repeat(3, auto) 1fr;
                      gap: .4em .8em; padding: .8em 0;
                      border-bottom: 1px solid var(--line); }
  .classes-table td { display: block; border: 0; padding: 0; text-align: left; }
  .classes-table td:first-child { grid-column: 1 / -1; }
  .classes-table td.wide { grid-column: 1 / -1; }
  .classes-table td img { margin: 0; }
  .classes-table td[data-label]::before { content: attr(data-label); display: block;
                                          font-size: .8em; color: var(--soft); }
  .name input { max-width: none; }
  .js tr.part { padding: .3em 0; }
  .js tr.part td:not(:first-child) { display: none; }
}
@media print {
  @page { margin: 12mm; }
  body { font-size: 10pt; max-width: none; margin: 0; padding: 0; }
  .js #bar, .js #options, .js .save { display: none; }
  .js .script { display: none; } .js .name input.script { display: inline-block; }
  .views, .js .views.single { grid-template-columns: 1fr 1fr; max-width: 155mm; }
  .js .views.single figure { max-width: none; }
  .stack i { display: none !important; }
  .name input { border: 0; padding: 0; background: none; font-weight: 600;
                width: 9em; }
  .name input::placeholder { color: transparent; }
  figure, tr, .branches, .curves > div, .facts { break-inside: avoid; }
  h2, h2 + p { break-after: avoid; }
  .leaves button { border: 0; }
  tr.faded, tr.part { opacity: 1; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
