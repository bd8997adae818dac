/**
 * Cisco VPN Client 4.x. Sources: A, debugs of an ASA 8.3.2 with that client (Cisco's note 113595, aggressive mode): the order
 * of payloads and vendor IDs, which together with B give the 849 bytes of its message 1 for a group's name of five; B, debugs
 * of IOS Easy VPN servers in Cisco's configuration examples: the transforms and their attributes; C, vpnc's source.
 */
import { concat } from '../bytes/bytes.ts';
import { fromHex } from '../bytes/text.ts';
import { VendorId } from '../ike/vendor-ids.ts';
import {
  ConfigurationAttribute as Configuration,
  EspAuthentication,
  EspTransform,
  Phase1Attribute,
  Phase1Encryption,
  Phase1Hash,
  Phase2Attribute,
} from '../wire/ikev1.ts';
import type { Persona } from './persona.ts';

/** B: "life duration (VPI) of 0x0 0x20 0xC4 0x9B", as much as 32 bits of milliseconds hold. */
const LONGEST_LIFETIME = 2_147_483;

/** B: group 2 is what a profile without DHGroup has. */
const GROUP = 2;

export const CISCO_4_0: Persona = {
  name: 'cisco-4.0',
  // A: xauth V6, DPD, fragmentation ("Main Mode: True Aggressive Mode: False"), NAT-Traversal ver 02, Unity client
  vendorIds: [
    VendorId.XAUTH,
    VendorId.DPD,
    concat(VendorId.FRAGMENTATION, fromHex('80000000')),
    VendorId.NAT_T_02_NEWLINE,
    VendorId.CISCO_UNITY,
  ],
  phase1: {
    // B: of each cipher SHA and MD5 with XAUTH, then both without; DES has MD5 alone
    offers: [
      { encryption: Phase1Encryption.AES_CBC, keyBits: 256, hash: Phase1Hash.SHA1, group: GROUP },
      { encryption: Phase1Encryption.AES_CBC, keyBits: 256, hash: Phase1Hash.MD5, group: GROUP },
      { encryption: Phase1Encryption.AES_CBC, keyBits: 128, hash: Phase1Hash.SHA1, group: GROUP },
      { encryption: Phase1Encryption.AES_CBC, keyBits: 128, hash: Phase1Hash.MD5, group: GROUP },
      { encryption: Phase1Encryption.TRIPLE_DES_CBC, hash: Phase1Hash.SHA1, group: GROUP },
      { encryption: Phase1Encryption.TRIPLE_DES_CBC, hash: Phase1Hash.MD5, group: GROUP },
      { encryption: Phase1Encryption.DES_CBC, hash: Phase1Hash.MD5, group: GROUP },
    ],
    alsoWithoutXauth: true,
    firstTransform: 1,
    // B: the key's length stands last
    attributes: [
      Phase1Attribute.ENCRYPTION,
      Phase1Attribute.HASH,
      Phase1Attribute.GROUP,
      Phase1Attribute.AUTHENTICATION,
      Phase1Attribute.LIFE_TYPE,
      Phase1Attribute.LIFE_DURATION,
      Phase1Attribute.KEY_LENGTH,
    ],
    lifetime: LONGEST_LIFETIME,
  },
  phase2: {
    mode: 'tunnel',
    // B, one source only: MD5 before SHA. Left out, since they could be chosen: each with LZS compression, DES and null
    offers: [
      { transform: EspTransform.AES_CBC, keyBits: 256, authentication: EspAuthentication.HMAC_MD5 },
      { transform: EspTransform.AES_CBC, keyBits: 256, authentication: EspAuthentication.HMAC_SHA1 },
      { transform: EspTransform.AES_CBC, keyBits: 128, authentication: EspAuthentication.HMAC_MD5 },
      { transform: EspTransform.AES_CBC, keyBits: 128, authentication: EspAuthentication.HMAC_SHA1 },
      { transform: EspTransform.TRIPLE_DES, authentication: EspAuthentication.HMAC_MD5 },
      { transform: EspTransform.TRIPLE_DES, authentication: EspAuthentication.HMAC_SHA1 },
    ],
    separateProposals: true,
    // B: "authenticator is HMAC-MD5, key length is 256, encaps is ..., SA life type in seconds"
    attributes: [
      Phase2Attribute.AUTHENTICATION,
      Phase2Attribute.KEY_LENGTH,
      Phase2Attribute.ENCAPSULATION_MODE,
      Phase2Attribute.GROUP,
      Phase2Attribute.LIFE_TYPE,
    ],
    lifetime: { seconds: LONGEST_LIFETIME, kilobytes: undefined },
  },
  // A: follows from the length of message 1
  nonceLength: 20,
  quickModeIds: 'random',
  configuration: {
    // A: "Received request for IPV4 address! ... IPV4 net mask! ... DNS ... WINS ... Banner! Save PW setting! ..."
    attributes: [
      Configuration.INTERNAL_IP4_ADDRESS,
      Configuration.INTERNAL_IP4_NETMASK,
      Configuration.INTERNAL_IP4_DNS,
      Configuration.INTERNAL_IP4_NBNS,
      Configuration.INTERNAL_ADDRESS_EXPIRY,
      Configuration.UNITY_BANNER,
      Configuration.UNITY_SAVE_PASSWD,
      Configuration.UNITY_DEF_DOMAIN,
      Configuration.UNITY_SPLIT_INCLUDE,
      Configuration.UNITY_SPLIT_DNS,
      Configuration.UNITY_PFS,
      Configuration.UNITY_LOCAL_LAN,
      Configuration.UNITY_BACKUP_SERVERS,
      Configuration.APPLICATION_VERSION,
      Configuration.UNITY_NATT_PORT,
    ],
    // C: "Cisco Systems VPN Client VERSION:SYSTEM"
    applicationVersion: 'Cisco Systems VPN Client 4.0.5:WinNT',
  },
};
