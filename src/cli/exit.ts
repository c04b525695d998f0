/** Exit codes of every command, first that applies (see docs/commands.md). */
export const Exit = {
  ok: 0,
  /** A `fail`, or a finding. */
  fail: 1,
  /** Wrong command, option, value, case, area, requirement, profile, format or filter; nothing was sent. */
  usage: 2,
  /** An `inconc`, an unreachable peer included. */
  inconclusive: 3,
  /** Tester or environment fault, unreadable or damaged file, no case executed. */
  fault: 4,
} as const;

/** A value of `Exit`. */
export type ExitCode = (typeof Exit)[keyof typeof Exit];

/** What the person typed is wrong: exit code 2. `message` is one sentence that says what to do. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly exitCode = Exit.usage;
}

/** The machine, a file or the tester itself is at fault: exit code 4. */
export class FaultError extends Error {
  override readonly name = 'FaultError';
  readonly exitCode = Exit.fault;
}
