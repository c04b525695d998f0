/** What every page of the toolkit looks like: readable on paper, on a phone and in the dark. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --ink: #1c2024; --soft: #5f6b76; --line: #d9dee3; --ground: #fff; --raised: #f6f8fa;
  --pass: #1a7f37; --fail: #cf222e; --unsure: #9a6700; --none: #6e7781; --cm: #0550ae; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9aa5b1; --line: #30363d; --ground: #0d1117;
  --raised: #161b22; --pass: #3fb950; --fail: #ff7b72; --unsure: #d29922; --none: #8b949e; --cm: #79c0ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1.5rem 1rem 4rem; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", Helvetica, Arial, sans-serif; }
a { color: var(--cm); text-decoration: none; } a:hover { text-decoration: underline; }
h1 { font-size: 1.6rem; margin: 0 0 .2rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; } h3 { font-size: 1rem; margin: 1rem 0 .3rem; }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: .88em; }
.facts { color: var(--soft); margin: 0 0 1rem; }
.note { border-left: 4px solid var(--unsure); background: var(--raised); padding: .6rem .9rem; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top; padding: .3rem .7rem .3rem 0;
  border-bottom: 1px solid var(--line); } th { color: var(--soft); font-weight: 600; }
`.trim();
