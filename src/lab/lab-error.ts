/** The lab cannot do what was asked: no privilege, a command that is missing or failed, something in its way. */
export class LabError extends Error {
  override readonly name = 'LabError';
  /** A fault of the machine (see docs/commands.md). */
  readonly exitCode = 4;
}
