import type { Contender } from './experiment.js';

/** One TCP connection, as every host without multipath has it. */
export const TCP: Contender = { id: 'tcp', label: 'TCP' };

/** The kernel's MPTCP over every pair of addresses. */
export const MPTCP: Contender = { id: 'mptcp', label: 'MPTCP', mptcp: true };

/** MPIP as the paper describes it. */
export const MPIP: Contender = { id: 'mpip', label: 'MPIP', node: { mode: 'fake-tcp' } };

/** MPIP with the UDP wrapper. */
export const MPIP_WRAPPER: Contender = {
  id: 'mpip-wrapper',
  label: 'MPIP, UDP wrapper',
  node: { mode: 'udp-wrapper' },
};

/** MPTCP over MPIP: each subflow is a session (paper, 3.8.4). */
export const MPIP_AND_MPTCP: Contender = {
  id: 'mpip+mptcp',
  label: 'MPIP and MPTCP',
  node: { mode: 'fake-tcp' },
  mptcp: true,
};

/** MPIP with another path selection than the paper's. */
export function mpipWith(scheduler: string): Contender {
  return {
    id: 'mpip-scheduler',
    label: `MPIP, ${scheduler}`,
    node: { mode: 'fake-tcp', both: ['--scheduler', scheduler] },
  };
}

/** Every path has the same weight for ever: S is of no effect between equal bounds (paper, 4.2.1). */
const EQUAL_WEIGHTS = ['--set', 'weight-min=1', '--set', 'weight-max=1'];

/** MPIP with equal weights, and options of the experiment. */
export function equalWeights(
  id: string,
  label: string,
  more: readonly string[] = [],
  smallPacketRule = false,
): Contender {
  return { id, label, node: { mode: 'fake-tcp', both: [...EQUAL_WEIGHTS, ...more], smallPacketRule } };
}

/** The four stacks that Table 8 compares, and the option of the project. */
export function table8(scheduler: string): Contender[] {
  return [TCP, MPTCP, MPIP, mpipWith(scheduler), MPIP_AND_MPTCP];
}
