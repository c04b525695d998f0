import { PAGE, pageOf, readResults } from '../lib/mutation-page.mjs';

/** Why mutants of the endpoint are not found, from what the last `npm run mutation` left. */
export function mutation() {
  return { [PAGE]: pageOf(readResults()) };
}
