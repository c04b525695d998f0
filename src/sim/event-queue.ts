/** What is done at a time, with an argument that was given along: a datagram on its way needs no closure of its own. */
export type Action<Argument> = (argument: Argument) => void;

/** A binary heap of actions by time; equal times in the order they were pushed, so that runs repeat exactly. */
export class EventQueue {
  readonly #times: number[] = [];
  readonly #orders: number[] = [];
  readonly #actions: Action<never>[] = [];
  readonly #arguments: unknown[] = [];
  #pushed = 0;

  /** Time of the next action; `Infinity` when there is none. */
  get nextTime(): number {
    return this.#times.length > 0 ? this.#times[0]! : Number.POSITIVE_INFINITY;
  }

  push(time: number, action: () => void): void;
  push<Argument>(time: number, action: Action<Argument>, argument: Argument): void;
  push(time: number, action: Action<never>, argument?: unknown): void {
    let at = this.#times.length;
    this.#times.push(time);
    this.#orders.push(this.#pushed++);
    this.#actions.push(action);
    this.#arguments.push(argument);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(at, parent)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  /**
   * Takes the next action and does it.
   * @throws RangeError when there is none.
   */
  run(): void {
    const action = this.#actions[0];
    if (action === undefined) throw new RangeError('The event queue is empty.');
    const argument = this.#arguments[0];
    this.#removeFirst();
    action(argument as never);
  }

  #removeFirst(): void {
    this.#swap(0, this.#times.length - 1);
    this.#times.pop();
    this.#orders.pop();
    this.#actions.pop();
    this.#arguments.pop();
    for (let at = 0; ; ) {
      const left = 2 * at + 1;
      if (left >= this.#times.length) return;
      const right = left + 1;
      const child = right < this.#times.length && this.#before(right, left) ? right : left;
      if (!this.#before(child, at)) return;
      this.#swap(child, at);
      at = child;
    }
  }

  #before(a: number, b: number): boolean {
    const difference = this.#times[a]! - this.#times[b]!;
    return difference < 0 || (difference === 0 && this.#orders[a]! < this.#orders[b]!);
  }

  #swap(a: number, b: number): void {
    const time = this.#times[a]!;
    this.#times[a] = this.#times[b]!;
    this.#times[b] = time;
    const order = this.#orders[a]!;
    this.#orders[a] = this.#orders[b]!;
    this.#orders[b] = order;
    const action = this.#actions[a]!;
    this.#actions[a] = this.#actions[b]!;
    this.#actions[b] = action;
    const argument = this.#arguments[a];
    this.#arguments[a] = this.#arguments[b];
    this.#arguments[b] = argument;
  }
}
