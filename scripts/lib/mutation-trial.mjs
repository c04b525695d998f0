// Tries mutants of the endpoint, each in a thread that can be ended.
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { isFound } from './mutation-results.mjs';

/** A mutant whose tests take this many times as long as without it, and so many milliseconds of CPU time, never ends. */
const PATIENCE = 10;
const FURTHER_PATIENCE = 3000;
/** Milliseconds after which nothing comes any more, CPU time or not. */
const IDLE = 60_000;
/** Milliseconds of CPU time that all tests may take without any mutant. */
const BASELINE = 1_200_000;
/** So many tests are played whatever they take. */
const FEWEST = 3;
/** Milliseconds between two looks at how much was used. */
const LOOK = 200;

/** A thread that plays. */
export class Player {
  #worker;
  /** Which of the tests that were asked for is being played. */
  #playing = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  hasEnded = false;

  constructor(path, active) {
    const workerData = { bundle: pathToFileURL(path).href, playing: this.#playing, active };
    this.#worker = new Worker(new URL('./mutation-worker.mjs', import.meta.url), { workerData });
  }

  /** Undefined when what is loaded throws or never ends. */
  async begin() {
    return (await this.#answer(60_000)) === undefined ? undefined : this;
  }

  /** All tests, or those with these ids, once and without any mutant. */
  async baseline(ids) {
    return await this.ask({ baseline: ids }, BASELINE);
  }

  /** What becomes of a mutant when `tests` are played. */
  async try(id, tests) {
    const patience = FURTHER_PATIENCE + PATIENCE * tests.reduce((sum, { ms }) => sum + ms, 0);
    return (await this.ask({ id, tests }, patience)) ?? { status: 'timeout', by: tests[this.#playing[0]].id };
  }

  /** The worker's answer; undefined when it gives none in time, and then it is gone. */
  async ask(task, within) {
    this.#worker.postMessage(task);
    return await this.#answer(within);
  }

  /** `within`: milliseconds of CPU time, which a busy machine makes no shorter; nothing but this player uses any. */
  async #answer(within) {
    const before = process.cpuUsage();
    const began = performance.now();
    const isLate = () => {
      const { user, system } = process.cpuUsage(before);
      return user + system > 1000 * within || performance.now() - began > IDLE + 30 * within;
    };
    let timer;
    const answer = await new Promise((resolve) => {
      timer = setInterval(() => isLate() && resolve(undefined), LOOK);
      this.#worker.once('message', resolve);
      this.#worker.once('error', () => resolve(undefined));
    });
    clearInterval(timer);
    this.#worker.removeAllListeners('message');
    this.#worker.removeAllListeners('error');
    if (answer === undefined) await this.end();
    return answer;
  }

  async end() {
    this.hasEnded = true;
    this.#worker.on('error', () => {});
    await this.#worker.terminate();
  }
}

/** Tries mutants, one after the other. */
export class Trial {
  #path;
  #player;
  #tests;
  #atStart;
  #mostMs;
  #isStopped = false;
  /** By mutant: the tests that reach it and how often. */
  #covering = new Map();
  /** By file and test: mutants found. A test that found some before is played first. */
  #finds = new Map();

  /** `mostMs`: of the tests that reach a mutant the cheapest are played, as many as take so long without it, and three. */
  constructor(path, { tests, atStart, mostMs = Number.POSITIVE_INFINITY }) {
    this.#path = path;
    this.#tests = tests;
    this.#atStart = new Set(atStart);
    this.#mostMs = mostMs;
    for (const { id, ms, reached } of tests)
      for (const [mutant, hits] of reached) {
        const own = this.#covering.get(mutant);
        if (own === undefined) this.#covering.set(mutant, [{ id, ms, hits }]);
        else own.push({ id, ms, hits });
      }
  }

  /** No further mutant is tried. */
  stop() {
    this.#isStopped = true;
  }

  async run(mutants) {
    const results = [];
    const began = performance.now();
    for (const [i, mutant] of mutants.entries()) {
      if (this.#isStopped) break;
      results.push({ ...mutant, ...(await this.#try(mutant)) });
      if ((i + 1) % 100 !== 0 && i + 1 !== mutants.length) continue;
      const found = results.filter(isFound).length;
      const share = ((100 * found) / results.length).toFixed(1);
      console.log(
        `${i + 1} of ${mutants.length} in ${Math.round((performance.now() - began) / 1000)} s: ${share} % found`,
      );
    }
    await this.#player?.end();
    return results;
  }

  async #try({ id, file }) {
    const finds = this.#finds.get(file) ?? new Map();
    this.#finds.set(file, finds);
    const isAtStart = this.#atStart.has(id);
    // A mutant of what runs when a file is loaded has an effect only when it is switched on then; any test may show it.
    const all = isAtStart ? this.#tests.map((test) => ({ ...test, hits: 1000 })) : this.#covering.get(id);
    if (all === undefined) return { status: 'uncovered' };
    const tests = cheapest(all, this.#mostMs);
    tests.sort((a, b) => (finds.get(b.id) ?? 0) - (finds.get(a.id) ?? 0) || a.ms - b.ms);
    const answer = isAtStart ? await this.#tryFromStart(id, tests) : await this.#tryLater(id, tests);
    if (answer.by !== undefined) finds.set(answer.by, (finds.get(answer.by) ?? 0) + 1);
    return answer;
  }

  async #tryFromStart(id, tests) {
    const player = await new Player(this.#path, id).begin();
    if (player === undefined) return { status: 'killed' };
    const answer = await player.try(id, tests);
    await player.end();
    return answer;
  }

  async #tryLater(id, tests) {
    const isNew = this.#player === undefined;
    this.#player ??= await new Player(this.#path).begin();
    const answer = await this.#player.try(id, tests);
    if (answer.status === 'spoilt') await this.#player.end();
    if (this.#player.hasEnded) this.#player = undefined;
    if (answer.status !== 'spoilt') return answer;
    // Who left it behind is known only of a thread that plays nothing else.
    return isNew ? { ...answer, status: 'killed' } : await this.#tryLater(id, tests);
  }
}

/** The cheapest tests that take `mostMs` together; some at least. */
function cheapest(tests, mostMs) {
  let sum = 0;
  return tests
    .toSorted((a, b) => a.ms - b.ms)
    .filter(({ ms }, i) => {
      sum += ms;
      return i < FEWEST || sum <= mostMs;
    });
}
