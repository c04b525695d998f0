// Tries mutants of the endpoint, each in a thread that can be ended.
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { isFound } from './mutation-page.mjs';

/** A mutant whose tests take this many times as long as without it, and so many milliseconds of CPU time, never ends. */
const PATIENCE = 10;
const FURTHER_PATIENCE = 3000;
/** Milliseconds after which nothing comes any more, CPU time or not. */
const IDLE = 60_000;
/** Milliseconds between two looks at how much was used. */
const LOOK = 200;

/** A thread that plays. */
export class Player {
  #worker;

  constructor(path, active) {
    const workerData = { bundle: pathToFileURL(path).href, ...(active === undefined ? {} : { active }) };
    this.#worker = new Worker(new URL('./mutation-worker.mjs', import.meta.url), { workerData });
  }

  /** Undefined when what is loaded throws or never ends. */
  async begin() {
    return (await this.#answer(60_000)) === undefined ? undefined : this;
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
  /** By mutant: the tests that reach it and how often. */
  #covering = new Map();
  /** By file and test: mutants found. A test that found some before is played first. */
  #finds = new Map();

  constructor(path, tests, atStart) {
    this.#path = path;
    this.#tests = tests;
    this.#atStart = atStart;
    for (const { id, ms, reached } of tests)
      for (const [mutant, hits] of reached) {
        const own = this.#covering.get(mutant);
        if (own === undefined) this.#covering.set(mutant, [{ id, ms, hits }]);
        else own.push({ id, ms, hits });
      }
  }

  async run(mutants) {
    const results = [];
    const began = performance.now();
    for (const [i, mutant] of mutants.entries()) {
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
    if (this.#atStart.has(id)) return await this.#tryFromStart(id);
    const finds = this.#finds.get(file) ?? new Map();
    this.#finds.set(file, finds);
    const own = this.#covering.get(id);
    if (own === undefined) return { status: 'uncovered' };
    own.sort((a, b) => (finds.get(b.id) ?? 0) - (finds.get(a.id) ?? 0) || a.ms - b.ms);
    this.#player ??= await new Player(this.#path).begin();
    const answer = await this.#player.ask({ id, tests: own }, patience(own));
    if (answer === undefined) this.#player = undefined;
    if (answer?.by !== undefined) finds.set(answer.by, (finds.get(answer.by) ?? 0) + 1);
    return answer ?? { status: 'timeout' };
  }

  /** A mutant of what runs when a file is loaded has an effect only when it is switched on then; any test may show it. */
  async #tryFromStart(id) {
    const player = await new Player(this.#path, id).begin();
    if (player === undefined) return { status: 'killed' };
    const tests = this.#tests.map((test) => ({ id: test.id, ms: test.ms, hits: 1000 }));
    const answer = await player.ask({ id, tests }, patience(tests));
    if (answer !== undefined) await player.end();
    return answer ?? { status: 'timeout' };
  }
}

function patience(tests) {
  return FURTHER_PATIENCE + PATIENCE * tests.reduce((sum, { ms }) => sum + ms, 0);
}
