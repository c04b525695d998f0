// Plays the endpoint's own tests; bundled with them and the instrumented endpoint by mutation-build.mjs.
import fc from 'fast-check';
// Made by mutation-build.mjs: it imports every test file.
import 'own-tests';
import { REGISTRY } from './mutation-registry.mjs';
import { mutation } from './mutation-switch.mjs';

export { verdictOf } from './mutation-registry.mjs';
export { mutation };

// One counterexample is enough, however long it is.
fc.configureGlobal({ endOnFailure: true });

export const TESTS = [...REGISTRY.keys()];
