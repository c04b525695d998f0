/**
 * @module mpip/dissector
 * Captures to records: which packets carry a control message, and what it says.
 */
export { CaptureError, type CaptureErrorCode } from '../io/capture-error.js';
export { CaptureParser, capturePackets, type ReadCaptureOptions, readCapture } from '../io/capture-reader.js';
export type { CaptureSource } from '../io/capture-source.js';
export { type CapturedPacket, copyPacket, type PacketHandler } from '../io/captured-packet.js';
export { type Damage, type MergedHandler, readMerged } from '../io/merged-captures.js';
export { PcapngFile, PcapngWriteError } from '../io/pcapng-writer.js';
export { ByteWriter } from './byte-writer.js';
export type { ChecksumStatus } from './checksum-status.js';
export type {
  AddressReport,
  CaptureReport,
  DelayReport,
  DirectionReport,
  EventReport,
  HandshakeReport,
  NodeReport,
  PathReport,
  SessionReport,
} from './conversation-reports.js';
export { Conversations } from './conversations.js';
export { CONVERSATION_FORMATS, type ConversationFormat, conversationsOutput } from './conversations-output.js';
export { DERIVED_FIELDS, type DerivedField } from './derived-fields.js';
export { type DissectCaptureOptions, dissectCapture } from './dissect-capture.js';
export { Dissector, type DissectorOptions } from './dissector.js';
export { compileFilter, type DisplayFilter } from './filter/filter.js';
export { FilterError } from './filter/filter-error.js';
export { FILTER_FIELDS, type FilterField, needsAnalysis } from './filter/filter-fields.js';
export { FINDINGS, type FindingDeclaration, type FindingId } from './findings.js';
export { type FollowedEnd, type FollowSink, SessionFollower } from './follow/session-follower.js';
export { FORMATS, type Format, type PacketWriter, type PacketWriterOptions, packetWriter } from './formats.js';
export { FragmentJoiner } from './fragment-joiner.js';
export { FindingBit, findingBits, findingIds, hasFindingList } from './packet-findings.js';
export { PacketView, type PacketViewOptions } from './packet-view.js';
export { Exchanges } from './page/exchanges.js';
export { type CaptureFinding, capturePage } from './page/page.js';
export { TimeSeries } from './page/time-series.js';
export { type Paint, plainPaint } from './paint.js';
export { type PairReport, pairReports } from './pair-report.js';
export {
  type PacketRecord,
  RECORD_FIELDS,
  type RecordField,
  type RecordOptions,
  recordOf,
} from './record.js';
export {
  type CarrierCounts,
  type NodeSummary,
  type PathSummary,
  type SessionSummary,
  Summary,
  type SummaryNotes,
  type SummaryReport,
} from './summary.js';
export { conflictOf, type PartRequest, type PartResult, partsInOrder, summarisePart } from './summary-part.js';
export { textSummary } from './summary-text.js';
export { Pairing } from './tracker/pairing.js';
export { type SeenPacket, Tracker } from './tracker/tracker.js';
