import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CmView,
  decode,
  decodeGeneral,
  detach,
  formatIpv4,
  formatNodeId,
  HeaderStatus,
  ipv4HeaderChecksum,
  TrailerView,
  UDP,
} from '../../src/codec/index.js';
import { RECORDINGS, recordedFrames } from '../support/recordings.js';

const view = new TrailerView();

for (const name of RECORDINGS) {
  test(`recording ${name}: the view, decode and the general decoder say what the expected file says`, () => {
    let carriers = 0;
    for (const { number, packet, expected } of recordedFrames(name)) {
      const where = `${name} frame ${number}`;
      assert.equal(view.locate(packet), expected !== undefined, where);
      if (expected === undefined) continue;
      carriers++;
      const { cm } = view;
      const block = packet.slice(cm.start, cm.end);
      const general = decodeGeneral(block, 'compact');
      const message = decode(packet.subarray(cm.trailerStart, cm.end), 'compact');
      const values = {
        'ip.src': formatIpv4(view.source),
        'ip.dst': formatIpv4(view.destination),
        'ip.proto': view.protocol,
        'mpip.layout': cm.layout,
        'mpip.filler': cm.filler,
        'mpip.length': general.length,
        'mpip.node_id': formatNodeId(cm.nodeId, 2),
        'mpip.session_id': cm.sessionId,
        'mpip.path_id': cm.pathId,
        'mpip.feedback_path_id': cm.feedbackPathId,
        'mpip.timestamp': cm.timestamp,
        'mpip.path_delay': cm.pathDelay,
        'mpip.local_addr': cm.localAddresses.map(formatIpv4),
        'mpip.flags': cm.flags,
        'mpip.checksum': cm.checksum,
      };
      for (const [key, value] of Object.entries(values)) assert.deepEqual(value, expected[key], `${where} ${key}`);
      const port = view.protocol === UDP ? 'udp' : 'tcp';
      assert.equal(view.sourcePort, expected[`${port}.srcport`], where);
      assert.equal(view.destinationPort, expected[`${port}.dstport`], where);
      if (view.protocol === UDP) assert.equal(view.udpLength, expected['udp.length'], where);
      assert.equal(message.pathDelay, general.pathDelay, where);
      assert.equal(message.timestamp, general.timestamp, where);
      assert.equal(formatNodeId(message.nodeId, 2), general.nodeId, where);
      assert.deepEqual(
        [message.sessionId, message.pathId, message.feedbackPathId, message.flags],
        [general.sessionId, general.pathId, general.feedbackPathId, general.flags],
        where,
      );
      assert.equal(new CmView().bind(block, 0, 25, 'compact').expectedChecksum, general.checksum, where);
      const headerWasRight = ipv4HeaderChecksum(packet, 0, view.ipHeaderLength) === ((packet[10]! << 8) | packet[11]!);
      const left = detach(view);
      assert.equal(view.parse(packet, 0, left), HeaderStatus.ok, where);
      if (headerWasRight)
        assert.equal(ipv4HeaderChecksum(packet, 0, view.ipHeaderLength), (packet[10]! << 8) | packet[11]!, where);
    }
    assert.equal(carriers > 0, name !== 'linux-2015-disabled');
  });
}
