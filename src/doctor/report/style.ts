/** How the page looks: light and dark as the reader has it, one column that a phone shows whole. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: light-dark(#fbfaf8, #16181b);
  --card: light-dark(#ffffff, #1f2226);
  --ink: light-dark(#1c1d1f, #e8e6e3);
  --faint: light-dark(#5e6268, #a2a7ae);
  --line: light-dark(#d9d6d0, #3a3f45);
  --cause: light-dark(#b3261e, #ff8a80);
  --warning: light-dark(#8a5300, #f5bd5b);
  --note: light-dark(#2a5d9c, #8ebcf3);
  --healthy: light-dark(#20683a, #7ed79b);
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
header, main { max-width: 54rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 2rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .5rem; padding-left: .75rem; border-left: .35rem solid; }
.ill h1 { border-color: var(--cause); }
.healthy h1 { border-color: var(--healthy); }
h2 { font-size: 1.1rem; line-height: 1.35; margin: .25rem 0 .5rem; }
.of, .facts, .omitted { color: var(--faint); margin: .25rem 0; }
code, pre, .when, .peers { font-family: ui-monospace, monospace; font-size: .85rem; }
a { color: inherit; }
.finding, .negotiation, .seen { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: 1rem; margin: 1rem 0; }
.cause { --mark: var(--cause); }
.warning { --mark: var(--warning); }
.note { --mark: var(--note); }
.finding { border-left: .35rem solid var(--mark); }
.kind { margin: 0; color: var(--faint); }
.kind code { float: right; }
.flag { display: inline-block; min-width: 1.4em; padding: 0 .3em; border-radius: 1em; background: var(--ink); color: var(--card);
  text-align: center; text-decoration: none; font-size: .8rem; font-weight: 600; }
.what .flag { margin-left: .5em; }
.evidence { margin: .5rem 0; padding-left: 1.2rem; }
.remedy { margin: .5rem 0; }
summary { cursor: pointer; }
pre { margin: .5rem 0 0; padding: .75rem; background: var(--paper); border: 1px solid var(--line); border-radius: .35rem; overflow-x: auto;
  overflow-wrap: normal; }
.peers { display: flex; justify-content: space-between; gap: 1rem; font-weight: 600; margin-left: 8rem; }
.peers span:last-child { text-align: right; }
.ladder { list-style: none; margin: 0; padding: 0; }
.step { display: grid; grid-template-columns: 8rem 1fr; }
.when { color: var(--faint); padding-top: .5rem; }
.when time { float: right; padding-right: .75rem; }
.line { position: relative; display: block; padding: .5rem .75rem .75rem; border-left: 2px solid var(--line); border-right: 2px solid var(--line); }
.what, small { display: block; }
.to-left .what, .to-left small { text-align: right; }
small { color: var(--faint); }
.arrow { position: absolute; left: 0; right: 0; bottom: .3rem; border-bottom: 2px solid var(--mark, var(--faint)); }
.repeat .arrow { border-bottom-style: dashed; }
.repeat .what { color: var(--faint); }
.arrow::after { content: ""; position: absolute; bottom: -6px; border: 5px solid transparent; }
.to-right .arrow::after { right: 0; border-left: 9px solid var(--mark, var(--faint)); border-right: 0; }
.to-left .arrow::after { left: 0; border-right: 9px solid var(--mark, var(--faint)); border-left: 0; }
.seen table { border-collapse: collapse; width: 100%; }
.seen th, .seen td { text-align: left; vertical-align: top; padding: .3rem .75rem .3rem 0; border-top: 1px solid var(--line); }
.seen th { font-weight: 600; width: 11rem; }
td.well::before, td.ill::before { content: ""; display: inline-block; width: .6em; height: .6em; margin-right: .5em; border-radius: 50%; background: var(--healthy); }
td.ill::before { background: var(--cause); border-radius: 0; }
.step:target .line { background: var(--paper); }
@media (max-width: 36rem) {
  h1 { font-size: 1.25rem; }
  .peers { margin-left: 0; font-size: .75rem; }
  .step { grid-template-columns: 1fr; }
  .when { padding: .35rem .75rem 0; border-left: 2px solid var(--line); border-right: 2px solid var(--line); }
  .when time { padding-right: 0; }
  .line { padding-top: 0; }
  .kind code { float: none; }
  .seen tr, .seen th, .seen td { display: block; width: auto; }
  .seen td { border-top: 0; padding-top: 0; }
}
@media print { .finding, .negotiation, .seen { break-inside: avoid-page; } }
`;
