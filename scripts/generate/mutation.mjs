import { PAGE, pageOf } from '../lib/mutation-page.mjs';
import { readResults } from '../lib/mutation-results.mjs';

/** Why mutants of the endpoint are not found, from what the last `npm run mutation` left. */
export function mutation() {
  return { [PAGE]: pageOf(readResults()) };
}
