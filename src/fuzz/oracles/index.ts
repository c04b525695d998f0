import type { Oracle } from '../oracle.js';
import { Amplification } from './amplification.js';
import { Control } from './control.js';
import { ProcessDied } from './process-died.js';
import { Requirement } from './requirement.js';
import { StateLeak } from './state-leak.js';
import { UserData } from './user-data.js';
import { Wire } from './wire.js';

/** A fresh set of the oracles that watch single exchanges. */
export function exchangeOracles(): Oracle[] {
  return [
    new ProcessDied(),
    new UserData(),
    new StateLeak(),
    new Amplification(),
    new Wire(),
    new Control(),
    new Requirement(),
  ];
}
