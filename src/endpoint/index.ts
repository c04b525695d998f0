/**
 * @module mpip/endpoint
 * The reference node of Multipath IP as a state machine without I/O: packets and the time in, packets out.
 */
export { type AvailabilityRow, AvailabilityTable, WaitingList } from './availability.js';
export type { Counters } from './counters.js';
export { Endpoint } from './endpoint.js';
export { type FeedbackRow, FeedbackTable } from './feedback.js';
export { createReferenceHost, ReferenceHost, type ReferenceHostOptions } from './host.js';
export { DEFAULT_LIMITS, type Limits } from './limits.js';
export { NodeTable, Peer } from './nodes.js';
export { type EndpointOptions, randomMac, type Settings, type TcpMode } from './options.js';
export { PacketQueue, type PacketSlot } from './packet-queue.js';
export { Path } from './paths.js';
export { type Deliver, ReorderingBuffer } from './reordering.js';
export { type Priority, type RoutingRule, RoutingTable } from './routing.js';
export { SCHEDULER_NAMES, SCHEDULERS, type SchedulerName } from './scheduler.js';
export { SERVICE_NAMES, SERVICES, type Service, type ServiceAddress, type ServiceName } from './services.js';
export { Session, SessionTable } from './sessions.js';
export {
  type Encapsulation,
  type EndpointStatus,
  ruleInWords,
  type StatusRule,
  type StatusTuple,
  statusOf,
} from './status.js';
export type { TcpConnection } from './tcp-connection.js';
