import { MESSAGE, type MessageBatch } from './message-batch.js';

const SOL_SOCKET = 1;
const SOL_PACKET = 263;
/** Asks for the kernel's time of each packet: nanoseconds since 1970. */
export const SO_TIMESTAMPNS = 35;
/** Asks for a packet's length and where its network header is. */
export const PACKET_AUXDATA = 8;

/** Room for both: struct cmsghdr (16) with a struct timespec (16), and with a struct tpacket_auxdata (20, padded). */
export const CONTROLS_SIZE = 32 + 40;
const CONTROL_HEADER = 16;

/** What the kernel says beside a packet that a packet socket got. */
export interface PacketControls {
  /** When it arrived, since 1970; both 0 where the kernel does not say. */
  seconds: number;
  nanoseconds: number;
  /** Octets on the wire; 0 where the kernel does not say. */
  length: number;
  /** Where the network header begins; 0 where the kernel does not say. */
  network: number;
}

/** Reads the control data of message `index` (recvmsg(2), packet(7)). */
export function readControls(batch: MessageBatch, index: number, into: PacketControls): void {
  const { controls, messages } = batch;
  into.seconds = into.nanoseconds = into.length = into.network = 0;
  const begin = batch.controlOffset(index);
  const end = begin + Number(messages.view.getBigUint64(index * MESSAGE + 40, true));
  for (let at = begin; at + CONTROL_HEADER <= end; ) {
    const length = Number(controls.view.getBigUint64(at, true));
    const level = controls.view.getInt32(at + 8, true);
    const type = controls.view.getInt32(at + 12, true);
    const data = at + CONTROL_HEADER;
    if (level === SOL_SOCKET && type === SO_TIMESTAMPNS) {
      into.seconds = Number(controls.view.getBigInt64(data, true));
      into.nanoseconds = Number(controls.view.getBigInt64(data + 8, true));
    } else if (level === SOL_PACKET && type === PACKET_AUXDATA) {
      into.length = controls.view.getUint32(data + 4, true);
      into.network = controls.view.getUint16(data + 14, true);
    }
    if (length < CONTROL_HEADER) break;
    at += (length + 7) & ~7;
  }
}
