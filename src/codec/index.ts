/**
 * @module mpip/codec
 * Bytes and meaning of Multipath IP: the control message in its layouts, the trailer it makes behind a datagram, the
 * headers and checksums around it. No state, no I/O.
 */
export {
  addressKey,
  addressOfKey,
  formatIpv4,
  formatNodeId,
  type Ipv4,
  type NodeId,
  parseIpv4,
  parseNodeId,
  portOfKey,
} from './address.js';
export { disagreements } from './agreement.js';
export { fold, ipv4HeaderChecksum, l4Checksum, octetSum, updateChecksum, wordSum } from './checksum.js';
export {
  CONSTANT_NAMES,
  CONSTANTS,
  type ConstantDeclaration,
  ConstantError,
  type ConstantName,
  type Constants,
  type ConstantUnit,
  defaultConstants,
  formatConstant,
  parseConstant,
} from './constants.js';
export {
  type ControlMessage,
  checkRanges,
  decode,
  emptyControlMessage,
  encode,
  encodedSize,
  encodeInto,
  messageOf,
  repairChecksum,
} from './control-message.js';
export { DatagramView, HeaderStatus, type HeaderStatusCode, TCP, TcpFlags, UDP } from './datagram.js';
export { CodecError, type CodecErrorCode, type CodecErrorDetails } from './errors.js';
export { type ExplainedField, type ExplainedLayer, type ExplainOptions, type Explanation, explain } from './explain.js';
export { FLAG_NAMES, Flags, flagName, flagValue, isControlFlag, MAX_FLAGS } from './flags.js';
export { decodeGeneral, type GeneralValues } from './general.js';
export { refusal } from './judge.js';
export {
  COMPACT,
  cmSize,
  type FieldDeclaration,
  type FieldName,
  type FieldType,
  FULL,
  fieldOf,
  fieldOffset,
  fieldSize,
  LAYOUTS,
  type LayoutDeclaration,
  type LayoutName,
  maxAddresses,
  trailerSize,
} from './layout.js';
export { clampMss, fitsWithTrailer, hostMtu, type OverheadOptions, overhead } from './mtu.js';
export { buildTcp, buildUdp, type Ipv4Options, sameTuple, type TcpFields, type Tuple } from './packet.js';
export { PROFILE_NAMES, PROFILES, type Profile, type ProfileName } from './profile.js';
export { Random } from './random.js';
export { attach, detach, headerError, isAttachable, TrailerView, userDataRoom } from './trailer.js';
export { Accept, acceptOnly, CmView, isCompact, isFull } from './view.js';
