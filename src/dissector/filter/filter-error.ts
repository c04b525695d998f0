/** Characters of a long filter that are shown around the place. */
const SHOWN = 70;

/** Why a display filter cannot be used. `message` is one sentence; {@link pointed} shows the place. */
export class FilterError extends Error {
  override readonly name = 'FilterError';
  readonly code = 'filter';

  /**
   * @param problem one sentence; @param filter the whole text; @param at where in it the problem begins
   * @param length characters that it takes; @param unknownField the name of a field that there is not
   */
  constructor(
    problem: string,
    readonly filter: string,
    readonly at: number,
    readonly length: number,
    readonly unknownField?: string,
  ) {
    super(problem);
  }

  /** Two lines: the filter, and a caret under the place. */
  get pointed(): string {
    const start = Math.max(0, Math.min(this.at - SHOWN / 2, this.filter.length - SHOWN));
    const end = Math.min(this.filter.length, start + SHOWN);
    // What takes no room or more than one place on a terminal would move the caret.
    const shown = this.filter.slice(start, end).replaceAll(/[^ -~]/g, '?');
    const lead = start > 0 ? '…' : '';
    const width = Math.max(1, Math.min(this.length, end - this.at));
    return `${lead}${shown}${end < this.filter.length ? '…' : ''}\n${' '.repeat(lead.length + this.at - start)}${'^'.repeat(width)}`;
  }
}
