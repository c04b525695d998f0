import type { Path } from './paths.js';
import type { Session } from './sessions.js';

/**
 * The path of the next packet of a session (paper, section 3.6); undefined while the session has none, and the packet
 * then goes over the session's own tuple with path id 0. A session has one path at present, its own tuple.
 */
export function selectPath(session: Session): Path | undefined {
  return session.paths[0];
}
