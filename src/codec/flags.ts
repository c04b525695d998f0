/**
 * The CM flags (paper, table 1 and sections 3.2, 3.4, 3.5, 3.8.1; values as in the authors' kernels). Everything that
 * shows a flag's name takes it from here.
 */
export const Flags = {
  /** An ordinary data packet. */
  normal: 0,
  /** Flags_IP_Change: the sender's addresses changed; still a data packet (section 3.4). */
  ipChange: 1,
  /** Flags_HB: a heartbeat, dropped after processing (section 3.5). */
  heartbeat: 2,
  /** Flags_Enable: an availability query (section 3.2). */
  enable: 3,
  /** Flags_Enabled: the confirmation of a query (section 3.2). */
  enabled: 4,
  /** Flags_Hs: a packet of the fake TCP handshake (section 3.8.1). */
  handshake: 5,
} as const;

/** The largest flags value that makes a block a CM. */
export const MAX_FLAGS = 5;

/** Names used in commands, reports and value strings, by flags value. */
export const FLAG_NAMES = ['normal', 'ip-change', 'heartbeat', 'enable', 'enabled', 'handshake'] as const;

/** A flag's name; `unknown-N` for values that make a block no CM. */
export function flagName(flags: number): string {
  return FLAG_NAMES[flags] ?? `unknown-${flags}`;
}

/** The value of a flag's name, or undefined. */
export function flagValue(name: string): number | undefined {
  const value = (FLAG_NAMES as readonly string[]).indexOf(name);
  return value < 0 ? undefined : value;
}

/** True for the flags whose packets never reach the upper layers (heartbeat, enable, enabled, handshake). */
export function isControlFlag(flags: number): boolean {
  return flags >= Flags.heartbeat && flags <= MAX_FLAGS;
}
