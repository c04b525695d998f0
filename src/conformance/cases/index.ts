import type { TestCase } from '../case.js';
import { AD_CASES } from './ad.js';
import { AD_PEER_CASES } from './ad-peer.js';
import { AD_TCP_CASES } from './ad-tcp.js';
import { AV_ANSWERING_CASES } from './av-answering.js';
import { AV_ASKING_CASES } from './av-asking.js';
import { AV_TCP_CASES } from './av-tcp.js';
import { CK_CASES } from './ck.js';
import { CM_CASES } from './cm.js';
import { CONNECTION_CASES } from './connections.js';
import { EX_CASES } from './ex.js';
import { FB_CASES } from './fb.js';
import { FB_TURNS_CASES } from './fb-turns.js';
import { GEN_CASES } from './gen.js';
import { HB_CASES } from './hb.js';
import { HS_CASES } from './hs.js';
import { HS_PEER_CASES } from './hs-peer.js';
import { HS_REFUSAL_CASES } from './hs-refusals.js';
import { NID_CASES } from './nid.js';
import { OO_CASES } from './oo.js';
import { PA_CASES } from './pa.js';
import { RT_CASES } from './rt.js';
import { RX_CASES } from './rx.js';
import { SE_CASES } from './se.js';
import { SE_BEGINNING_CASES } from './se-beginning.js';
import { SE_DELAYS_CASES } from './se-delays.js';
import { SS_CASES } from './ss.js';
import { SS_CLASH_CASES } from './ss-clash.js';
import { SS_EXPIRY_CASES } from './ss-expiry.js';
import { TM_CASES } from './tm.js';
import { TX_CASES } from './tx.js';
import { UW_CASES } from './uw.js';
import { WF_CASES } from './wf.js';

/** Every case, by area. */
export const CASES: readonly TestCase[] = [
  ...GEN_CASES,
  ...CM_CASES,
  ...CK_CASES,
  ...NID_CASES,
  ...AV_ASKING_CASES,
  ...AV_ANSWERING_CASES,
  ...AV_TCP_CASES,
  ...FB_CASES,
  ...FB_TURNS_CASES,
  ...PA_CASES,
  ...EX_CASES,
  ...AD_CASES,
  ...AD_PEER_CASES,
  ...AD_TCP_CASES,
  ...HB_CASES,
  ...SE_CASES,
  ...SE_BEGINNING_CASES,
  ...SE_DELAYS_CASES,
  ...SS_CASES,
  ...SS_EXPIRY_CASES,
  ...SS_CLASH_CASES,
  ...TX_CASES,
  ...RX_CASES,
  ...HS_CASES,
  ...HS_PEER_CASES,
  ...HS_REFUSAL_CASES,
  ...UW_CASES,
  ...TM_CASES,
  ...OO_CASES,
  ...RT_CASES,
  ...CONNECTION_CASES,
  ...WF_CASES,
];
