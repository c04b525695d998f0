import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DatagramView, defaultConstants, TcpFlags } from '../../src/codec/index.js';
import { DEFAULT_LIMITS } from '../../src/endpoint/limits.js';
import { Peer } from '../../src/endpoint/nodes.js';
import { MOST_FORMER, Session, SessionTable } from '../../src/endpoint/sessions.js';

const { syn, ack, fin, rst, psh } = TcpFlags;
const TUPLE = { source: 1, sourcePort: 2, destination: 3, destinationPort: 4 };
const TCP = 6;

const peerOf = () => new Peer(1, 'compact', defaultConstants());
const sessionOf = () => new Session(peerOf(), 1, TCP, TUPLE, 'self', 0);
const segment = (sequence: number, payloadLength: number, tcpFlags: number = ack, acknowledgement = 500) =>
  ({ sequence, payloadLength, tcpFlags, acknowledgement }) as DatagramView;

test('what was sent is sent before, round the numbers; SYN and FIN count as an octet each', () => {
  const session = sessionOf();
  assert.equal(session.hasSent(segment(5, 1)), false, 'nothing was');
  session.noteSent(segment(2 ** 32 - 10, 0, syn));
  assert.equal(session.nextSent, 2 ** 32 - 9);
  session.noteSent(segment(2 ** 32 - 9, 19));
  assert.equal(session.nextSent, 10);
  session.noteSent(segment(2 ** 32 - 9, 5));
  assert.equal(session.nextSent, 10, 'sent again');
  session.noteSent(segment(10, 0, fin | ack));
  assert.equal(session.nextSent, 11);
  const sent = [2 ** 32 - 1, 0, 10, 11, 12].map((sequence) => session.hasSent(segment(sequence, 1)));
  assert.deepEqual(sent, [true, true, true, false, false]);
  session.noteSent(segment(5, 0, syn));
  assert.equal(session.nextSent, 6, 'a new connection');
});

test('a repeat is what was sent before, and an acknowledgement like the last segment when that had no data (decision 69)', () => {
  const after = (last: DatagramView) => {
    const session = sessionOf();
    session.noteSent(segment(100, 10));
    session.noteSent(last);
    return session;
  };
  assert.equal(after(segment(110, 0)).isRepeat(segment(100, 10)), true);
  assert.equal(after(segment(110, 0)).isRepeat(segment(110, 0)), true);
  assert.equal(after(segment(110, 5)).isRepeat(segment(115, 0)), false, 'the last had data');
  const bare = after(segment(110, 0));
  for (const other of [segment(110, 1), segment(110, 0, ack | psh), segment(111, 0), segment(110, 0, ack, 501)])
    assert.equal(bare.isRepeat(other), false);
});

test('a connection has ended when both ends sent FIN, or one RST', () => {
  const ended = (sent: number[], received: number[]) => {
    const session = sessionOf();
    for (const flags of sent) session.noteSent(segment(1, 0, flags));
    for (const flags of received) session.noteReceived(segment(1, 0, flags));
    return session.hasEnded;
  };
  assert.deepEqual(
    [
      ended([ack], [ack]),
      ended([fin, fin], [ack]),
      ended([ack], [fin, fin]),
      ended([fin], [fin]),
      ended([fin], [ack, fin]),
    ],
    [false, false, false, true, true],
  );
  assert.deepEqual([ended([rst], []), ended([], [rst]), ended([fin], [rst])], [true, true, true]);
});

test('what the host of a peer sends says whether the connection is there, and what it has of this one', () => {
  const session = sessionOf();
  session.noteReceived(segment(1, 0, syn, 7));
  assert.deepEqual([session.isEstablished, session.acknowledged], [false, undefined]);
  session.noteReceived(segment(1, 0, syn | ack, 8));
  assert.deepEqual([session.isEstablished, session.acknowledged], [false, 8]);
  session.noteReceived(segment(2, 0, psh, 9));
  assert.deepEqual([session.isEstablished, session.acknowledged], [true, 8]);
});

test('a connection that left fake TCP stays 62 times as long, until it has ended (decision 57)', () => {
  const session = sessionOf();
  assert.equal(session.expiries, 1);
  session.usesFallback = true;
  assert.equal(session.expiries, 62);
  session.noteSent(segment(1, 0, rst));
  assert.equal(session.expiries, 1);
});

test('a row expires a session expiry after its last packet, or as many as it has', () => {
  const constants = { ...defaultConstants(), 'session-expiry': 1000 };
  const live = (usesFallback: boolean, now: number) => {
    const table = new SessionTable(constants, DEFAULT_LIMITS);
    const session = table.create(peerOf(), TCP, TUPLE, 0)!;
    session.usesFallback = usesFallback;
    return table.byTuple(TUPLE, TCP, now) === session && table.size === 1;
  };
  assert.deepEqual([live(false, 999), live(false, 1000)], [true, false]);
  assert.deepEqual([live(true, 61_999), live(true, 62_000)], [true, false]);
});

test('ids that were in use are remembered with their connections, the last 256', () => {
  const table = new SessionTable({ ...defaultConstants(), 'id-reuse': 1 }, { ...DEFAULT_LIMITS, sessions: 1000 });
  const peer = new Peer(1, 'full', { ...defaultConstants(), 'id-reuse': 1 });
  const open = (port: number) => table.create(peer, TCP, { ...TUPLE, sourcePort: port }, 0)!;
  for (let port = 1; port <= MOST_FORMER; port++) table.remove(open(port), 0);
  assert.deepEqual([peer.formerSessions.size, [...peer.formerSessions.keys()][0]], [MOST_FORMER, 1]);
  const again = open(1000);
  table.alias(again, 1, 0);
  assert.deepEqual([peer.formerSessions.get(1)?.tuple, peer.formerSessions.get(1)?.origin], [again.tuple, 'peer']);
  assert.deepEqual([...peer.formerSessions.keys()].slice(0, 1), [2], 'it is the newest now, and drove out none');
  assert.equal(peer.formerSessions.size, MOST_FORMER);
  table.remove(again, 0);
  assert.deepEqual([peer.formerSessions.has(2), peer.formerSessions.size], [false, MOST_FORMER]);
  assert.equal(peer.formerSessions.get(again.id)?.origin, 'self');
});
