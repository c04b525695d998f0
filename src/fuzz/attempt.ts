import type { CorpusPacket } from './corpus.js';
import { Coverage } from './coverage.js';
import { Exchange, Past } from './exchange.js';
import { mixSeed } from './generator.js';
import type { Violation } from './oracle.js';
import { exchangeOracles } from './oracles/index.js';
import { Soak } from './soak.js';
import type { Step } from './step.js';
import type { Target } from './target.js';

/** An exchange as it is stored: the steps, and how often they are played one after the other against the same peer. */
export interface Play {
  readonly steps: readonly Step[];
  /** Decides node ids, sequence numbers and whatever else the steps leave open. */
  readonly seed: number;
  /** More than once, and then four times or more, for what only adds up: memory, time. */
  readonly repeat: number;
}

/** What a play showed. */
export interface Outcome {
  readonly violations: readonly Violation[];
  /** The last exchange. */
  readonly exchange: Exchange;
  readonly messages: number;
}

/** Plays exchanges against a target. */
export class Player {
  readonly #oracles = exchangeOracles();
  /** Attempts against a peer that keeps its memory: each takes other ids. */
  #attempts = 0;

  constructor(
    readonly target: Target,
    readonly corpus: readonly CorpusPacket[],
  ) {}

  /** Plays on: the peer is as the last exchange left it, unless it is a fresh one each time anyway. */
  async play(play: Play, coverage: Coverage): Promise<Outcome> {
    const { target } = this;
    if (target.kind === 'virtual') await target.reset(play.seed);
    return await this.#repeat(play, play.seed, coverage);
  }

  /** Plays against a peer without memory of what was: a new one, or at least other node ids and ports. */
  async again(play: Play): Promise<Outcome> {
    const { target } = this;
    if (target.canReset) await target.reset(play.seed);
    const seed = target.canReset ? play.seed : mixSeed(play.seed, ++this.#attempts);
    return await this.#repeat(play, seed, new Coverage());
  }

  async #repeat(play: Play, seed: number, coverage: Coverage): Promise<Outcome> {
    if (play.repeat <= 1) return await this.#once(play.steps, seed, coverage);
    const soak = new Soak(this.target, play.repeat);
    let past = new Past();
    let messages = 0;
    let last: Outcome | undefined;
    for (const times of soak.rounds) {
      if (soak.isAnewEachRound && last !== undefined) {
        await this.target.reset(seed);
        past = new Past();
      }
      soak.begin();
      for (let i = 0; i < times; i++) {
        last = await this.#once(play.steps, seed, coverage, past);
        messages += last.messages;
        if (last.violations.length > 0) return { ...last, messages };
        soak.played();
      }
      await soak.end();
    }
    if (last === undefined) throw new RangeError('A play that is repeated is so at least four times.');
    return { ...last, messages, violations: soak.violations() };
  }

  async #once(steps: readonly Step[], seed: number, coverage: Coverage, past?: Past): Promise<Outcome> {
    const { target, corpus } = this;
    const begun = target.begin(seed);
    if (begun !== undefined) await begun;
    coverage.begin();
    const exchange = new Exchange({ target, seed, oracles: this.#oracles, coverage, corpus, past });
    await exchange.play(steps);
    return { violations: exchange.violations, exchange, messages: exchange.messages };
  }
}
