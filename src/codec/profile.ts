import type { LayoutName } from './layout.js';

/** Name of a profile: one implementation's way of using a layout. */
export type ProfileName = 'paper' | 'paper-full' | 'linux-2014' | 'linux-2015' | 'linux-2017';

/** A profile: a layout, a clock, and what is known to differ from the paper. */
export interface Profile {
  readonly name: ProfileName;
  readonly layout: LayoutName;
  /** Microseconds per tick of the packet timestamp. */
  readonly tickMicros: number;
  /** `free-running` modulo 2^32, or ticks of the UTC day, which step at midnight. */
  readonly clock: 'free-running' | 'utc-day';
  /** True when the implementation sends TCP/UDP checksums that an ordinary receiver drops. */
  readonly wrongChecksums: boolean;
  readonly description: string;
}

/** Every profile by name; `paper` is the default. None makes the reference copy a deviation. */
export const PROFILES: Readonly<Record<ProfileName, Profile>> = {
  paper: {
    name: 'paper',
    layout: 'compact',
    tickMicros: 1,
    clock: 'free-running',
    wrongChecksums: false,
    description: 'the paper in the compact layout',
  },
  'paper-full': {
    name: 'paper-full',
    layout: 'full',
    tickMicros: 1,
    clock: 'free-running',
    wrongChecksums: false,
    description: 'the paper in the full layout',
  },
  'linux-2014': {
    name: 'linux-2014',
    layout: 'compact',
    tickMicros: 10,
    clock: 'utc-day',
    wrongChecksums: true,
    description: "the authors' kernel of 2014 (Linux 3.12.1)",
  },
  'linux-2015': {
    name: 'linux-2015',
    layout: 'compact',
    tickMicros: 1,
    clock: 'utc-day',
    wrongChecksums: true,
    description: "the authors' kernel of 2015 (Linux 3.11.10)",
  },
  'linux-2017': {
    name: 'linux-2017',
    layout: 'compact',
    tickMicros: 1,
    clock: 'utc-day',
    wrongChecksums: true,
    description: 'the fork of 2017',
  },
};

/** Names of all profiles. */
export const PROFILE_NAMES = Object.keys(PROFILES) as ProfileName[];
