import { PAGE_STYLE } from '../../html/page-style.js';
import { SEQUENCE_STYLE } from '../../html/sequence.js';

/** Style of the HTML report: one page, readable on paper, on a phone, in the dark and without scripts. */
export const STYLE = `
${PAGE_STYLE}
${SEQUENCE_STYLE}
.id { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: .88em; }
.bar { display: flex; height: 10px; border-radius: 5px; overflow: hidden; background: var(--line); margin: .4rem 0 .9rem; }
.bar span { display: block; min-width: 2px; }
.chips { display: flex; flex-wrap: wrap; gap: .4rem; align-items: center; position: sticky; top: 0; background: var(--ground);
  padding: .5rem 0; z-index: 1; border-bottom: 1px solid var(--line); }
.chips button { font: inherit; border: 1px solid var(--line); background: var(--raised); color: var(--ink); border-radius: 1rem;
  padding: .1rem .7rem; cursor: pointer; } .chips button[aria-pressed="true"] { border-color: currentColor; font-weight: 600; }
.chips input { font: inherit; flex: 1 1 14rem; padding: .2rem .6rem; border: 1px solid var(--line); border-radius: .4rem;
  background: var(--ground); color: var(--ink); }
.chips output { color: var(--soft); }
details.case { border-bottom: 1px solid var(--line); } details.case > summary { cursor: pointer; padding: .35rem 0; display: flex;
  gap: .8rem; align-items: baseline; list-style: none; } details.case > summary::-webkit-details-marker { display: none; }
details.case > summary:hover { background: var(--raised); } .purpose { color: var(--soft); flex: 1; } .id { white-space: nowrap; }
.body { padding: .2rem 0 1rem 1.2rem; overflow-x: auto; } .body p { max-width: 60rem; margin: .3rem 0; }
.tag { display: inline-block; min-width: 6.6rem; font-weight: 600; } .pass { color: var(--pass); } .fail, .error, .none { color: var(--fail); }
.inconc, .warn, .known { color: var(--unsure); } .not-applicable, .not-run, .untestable { color: var(--none); }
.bg-pass { background: var(--pass); } .bg-fail, .bg-error, .bg-none { background: var(--fail); } .bg-inconc { background: var(--unsure); }
.bg-not-applicable, .bg-not-run { background: var(--none); }
td:first-child, td:nth-child(2) { white-space: nowrap; }
pre { background: var(--raised); padding: .6rem .8rem; overflow-x: auto; margin: .4rem 0; } mark { background: var(--fail); color: var(--ground); }
.body.pass, .body.fail, .body.inconc, .body.error { color: var(--ink); }
[hidden] { display: none !important; }
@media (max-width: 44rem) { details.case > summary { flex-wrap: wrap; } .purpose { flex-basis: 100%; } .tag { min-width: 0; }
  .wide { overflow-x: auto; } #requirements thead { display: none; } #requirements tr { display: block; padding: .4rem 0;
  border-bottom: 1px solid var(--line); } #requirements td { display: inline; border: 0; padding: 0 .5rem 0 0; }
  #requirements td:nth-child(n + 5) { display: block; overflow-wrap: anywhere; } }
@media print { .chips { display: none; } details.case > summary { break-after: avoid; } }
`.trim();

/** Script of the HTML report: the filter. Without it everything is shown. */
export const SCRIPT = `
const rows = [...document.querySelectorAll('[data-words]')];
const words = document.querySelector('#words');
const shown = document.querySelector('#shown');
const buttons = [...document.querySelectorAll('.chips button')];
function filter() {
  const wanted = words.value.toLowerCase().split(/\\s+/).filter(Boolean);
  const verdicts = buttons.filter((b) => b.getAttribute('aria-pressed') === 'true').map((b) => b.value);
  let count = 0;
  for (const row of rows) {
    const isShown = wanted.every((w) => row.dataset.words.includes(w)) && (verdicts.length === 0 || verdicts.includes(row.dataset.verdict));
    row.hidden = !isShown;
    if (isShown && row.matches('details')) count++;
  }
  for (const area of document.querySelectorAll('section[data-area]')) area.hidden = !area.querySelector('details:not([hidden])');
  shown.value = count + ' of ' + rows.filter((row) => row.matches('details')).length + ' cases';
}
words.addEventListener('input', filter);
for (const button of buttons) button.addEventListener('click', () => {
  button.setAttribute('aria-pressed', String(button.getAttribute('aria-pressed') !== 'true'));
  filter();
});
document.querySelector('.chips').hidden = false;
filter();
`.trim();
