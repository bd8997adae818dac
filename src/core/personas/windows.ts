/**
 * Windows' own client: L2TP/IPsec in transport mode, no XAUTH. Sources: A, a whole message 1 of Windows 10 published as a probe
 * (`test/core/personas` has its bytes); B, logs of Openswan and strongSwan that people posted with their clients; C, [MS-IKEE].
 */
import { concat, u32 } from '../bytes/bytes.ts';
import { VendorId } from '../ike/vendor-ids.ts';
import {
  EspAuthentication,
  EspTransform,
  Phase1Attribute,
  Phase1Encryption,
  Phase1Hash,
  Phase2Attribute,
} from '../wire/ikev1.ts';
import type { Persona, Phase1OfferItem, Phase2OfferItem } from './persona.ts';

/** C 1.7: 4 = Server 2003 and XP SP2, 5 = Vista, 9 = 8 and later. */
const version = (number: number) => concat(VendorId.MS_NT5_ISAKMPOAKLEY, u32(number));

/** A: eight hours, in four bytes. */
const PHASE1_LIFETIME = 28_800;
/** B: an hour ("timeout in 3600 seconds") and "received 250000000 lifebytes". */
const PHASE2_LIFETIME = { seconds: 3600, kilobytes: 250_000 };

/** A */
const PHASE1_ATTRIBUTES = [
  Phase1Attribute.ENCRYPTION,
  Phase1Attribute.KEY_LENGTH,
  Phase1Attribute.HASH,
  Phase1Attribute.GROUP,
  Phase1Attribute.AUTHENTICATION,
  Phase1Attribute.LIFE_TYPE,
  Phase1Attribute.LIFE_DURATION,
];

/** One source only: lengths of quick mode's message 1 in B don't contradict it. */
const PHASE2_ATTRIBUTES = [
  Phase2Attribute.ENCAPSULATION_MODE,
  Phase2Attribute.KEY_LENGTH,
  Phase2Attribute.AUTHENTICATION,
  Phase2Attribute.GROUP,
  Phase2Attribute.LIFE_TYPE,
];

const AES = Phase1Encryption.AES_CBC;
const TRIPLE_DES = Phase1Encryption.TRIPLE_DES_CBC;
const DES = Phase1Encryption.DES_CBC;

/** A; B has the same refusals ("OAKLEY_GROUP 20 not supported", then 19) from Windows 7 on. */
const MODERN_PHASE1: readonly Phase1OfferItem[] = [
  { encryption: AES, keyBits: 256, hash: Phase1Hash.SHA1, group: 20 },
  { encryption: AES, keyBits: 128, hash: Phase1Hash.SHA1, group: 19 },
  { encryption: AES, keyBits: 256, hash: Phase1Hash.SHA1, group: 14 },
  { encryption: TRIPLE_DES, hash: Phase1Hash.SHA1, group: 14 },
  { encryption: TRIPLE_DES, hash: Phase1Hash.SHA1, group: 2 },
];

/** B: Openswan, which takes the first, has "xfrm=AES_128-HMAC_SHA1"; 280 bytes before NAT-OA are three. One source only. */
const MODERN_PHASE2: readonly Phase2OfferItem[] = [
  { transform: EspTransform.AES_CBC, keyBits: 128, authentication: EspAuthentication.HMAC_SHA1 },
  { transform: EspTransform.AES_CBC, keyBits: 256, authentication: EspAuthentication.HMAC_SHA1 },
  { transform: EspTransform.TRIPLE_DES, authentication: EspAuthentication.HMAC_SHA1 },
];

const MODERN_VENDOR_IDS = [
  VendorId.NAT_T_RFC3947,
  VendorId.NAT_T_02_NEWLINE,
  VendorId.FRAGMENTATION,
  VendorId.MS_NEGOTIATION_DISCOVERY,
  VendorId.MS_INITIAL_CONTACT,
  VendorId.MS_IKE_CGA,
];

export const WINDOWS_11: Persona = {
  name: 'windows-11',
  // A; B has the same order of Windows 10 and later
  vendorIds: [VendorId.MS_UNKNOWN_WINDOWS_10, version(9), ...MODERN_VENDOR_IDS],
  phase1: {
    offers: MODERN_PHASE1,
    firstTransform: 1,
    attributes: PHASE1_ATTRIBUTES,
    lifetime: PHASE1_LIFETIME,
    lifetimeLength: 4,
  },
  phase2: {
    mode: 'transport',
    offers: MODERN_PHASE2,
    separateProposals: true,
    attributes: PHASE2_ATTRIBUTES,
    lifetime: PHASE2_LIFETIME,
    lifetimeLength: 4,
  },
  // B: SoftEther's debug log of a Windows 10 (SoftEtherVPN#1253) has its nonce
  nonceLength: 48,
  // B: a log of Openswan's has 3, 4, 5 in a row; strongSwan's logs begin with 1
  quickModeIds: { first: 1 },
};

/** B knows no difference to Windows 7 but the version. One source only: C for the version, Microsoft's KB942429 for the IDs. */
export const WINDOWS_VISTA: Persona = {
  ...WINDOWS_11,
  name: 'windows-vista',
  vendorIds: [version(5), ...MODERN_VENDOR_IDS],
};

export const WINDOWS_XP: Persona = {
  name: 'windows-xp',
  // B: "[MS NT5 ISAKMPOAKLEY 00000004] [FRAGMENTATION] [draft-ietf-ipsec-nat-t-ike-02_n] [Vid-Initial-Contact]"
  vendorIds: [version(4), VendorId.FRAGMENTATION, VendorId.NAT_T_02_NEWLINE, VendorId.MS_INITIAL_CONTACT],
  phase1: {
    // B: group 14 ("cipher=oakley_3des_cbc_192 prf=oakley_sha group=modp2048"), then 2; DES in group 1 comes last
    offers: [
      { encryption: TRIPLE_DES, hash: Phase1Hash.SHA1, group: 14 },
      { encryption: TRIPLE_DES, hash: Phase1Hash.SHA1, group: 2 },
      { encryption: TRIPLE_DES, hash: Phase1Hash.MD5, group: 2 },
      { encryption: DES, hash: Phase1Hash.SHA1, group: 1 },
      { encryption: DES, hash: Phase1Hash.MD5, group: 1 },
    ],
    firstTransform: 1,
    attributes: PHASE1_ATTRIBUTES,
    lifetime: PHASE1_LIFETIME,
    lifetimeLength: 4,
  },
  phase2: {
    mode: 'transport',
    // B: Openswan, which takes the first, has 3DES with HMAC-MD5. Left out: with AH, DES and null
    offers: [
      { transform: EspTransform.TRIPLE_DES, authentication: EspAuthentication.HMAC_MD5 },
      { transform: EspTransform.TRIPLE_DES, authentication: EspAuthentication.HMAC_SHA1 },
    ],
    separateProposals: true,
    attributes: PHASE2_ATTRIBUTES,
    lifetime: PHASE2_LIFETIME,
    lifetimeLength: 4,
  },
  // no source found: the length that most of its time had
  nonceLength: 20,
  quickModeIds: 'random',
};
