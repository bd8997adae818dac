/** Ourselves: the best first, and enough of it that any gateway of the last twenty years finds something. */
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
import type { Persona, Phase1OfferItem } from './persona.ts';

const aes = (keyBits: number, hash: number) => ({ encryption: Phase1Encryption.AES_CBC, keyBits, hash });
const tripleDes = (hash: number) => ({ encryption: Phase1Encryption.TRIPLE_DES_CBC, hash });

const MODERN = [
  aes(128, Phase1Hash.SHA2_256),
  aes(256, Phase1Hash.SHA2_256),
  aes(256, Phase1Hash.SHA2_384),
  aes(256, Phase1Hash.SHA2_512),
  aes(128, Phase1Hash.SHA1),
  aes(256, Phase1Hash.SHA1),
];
const LEGACY = [
  ...MODERN,
  tripleDes(Phase1Hash.SHA1),
  aes(256, Phase1Hash.MD5),
  aes(128, Phase1Hash.MD5),
  tripleDes(Phase1Hash.MD5),
];

const withGroup = (suites: readonly Omit<Phase1OfferItem, 'group'>[], group: number) =>
  suites.map((suite) => ({ ...suite, group }));

export const SALLYPORT: Persona = {
  name: 'sallyport',
  vendorIds: [
    VendorId.NAT_T_RFC3947,
    VendorId.NAT_T_03,
    VendorId.NAT_T_02_NEWLINE,
    VendorId.NAT_T_02,
    VendorId.XAUTH,
    VendorId.DPD,
    VendorId.CISCO_UNITY,
    concat(VendorId.FRAGMENTATION, fromHex('80000000')),
  ],
  phase1: {
    // group 14 before 19: what has one group only (aggressive mode) has most often this
    offers: [
      ...withGroup(MODERN, 14),
      ...withGroup(MODERN, 19),
      ...withGroup(MODERN, 20),
      ...withGroup(MODERN, 15),
      ...withGroup(MODERN, 16),
      ...withGroup(LEGACY, 5),
      ...withGroup(LEGACY, 2),
    ],
    firstTransform: 1,
    attributes: [
      Phase1Attribute.ENCRYPTION,
      Phase1Attribute.KEY_LENGTH,
      Phase1Attribute.HASH,
      Phase1Attribute.GROUP,
      Phase1Attribute.AUTHENTICATION,
      Phase1Attribute.LIFE_TYPE,
      Phase1Attribute.LIFE_DURATION,
    ],
    lifetime: 86_400,
  },
  phase2: {
    mode: 'tunnel',
    offers: [
      { transform: EspTransform.AES_GCM_16, keyBits: 128 },
      { transform: EspTransform.AES_GCM_16, keyBits: 256 },
      { transform: EspTransform.AES_CBC, keyBits: 128, authentication: EspAuthentication.HMAC_SHA2_256 },
      { transform: EspTransform.AES_CBC, keyBits: 256, authentication: EspAuthentication.HMAC_SHA2_256 },
      { transform: EspTransform.AES_CBC, keyBits: 256, authentication: EspAuthentication.HMAC_SHA2_512 },
      { transform: EspTransform.AES_CBC, keyBits: 128, authentication: EspAuthentication.HMAC_SHA1 },
      { transform: EspTransform.AES_CBC, keyBits: 256, authentication: EspAuthentication.HMAC_SHA1 },
      { transform: EspTransform.TRIPLE_DES, authentication: EspAuthentication.HMAC_SHA1 },
      { transform: EspTransform.AES_CBC, keyBits: 128, authentication: EspAuthentication.HMAC_MD5 },
      { transform: EspTransform.TRIPLE_DES, authentication: EspAuthentication.HMAC_MD5 },
    ],
    separateProposals: false,
    attributes: [
      Phase2Attribute.LIFE_TYPE,
      Phase2Attribute.GROUP,
      Phase2Attribute.ENCAPSULATION_MODE,
      Phase2Attribute.AUTHENTICATION,
      Phase2Attribute.KEY_LENGTH,
    ],
    lifetime: { seconds: 3600, kilobytes: undefined },
  },
  nonceLength: 32,
  quickModeIds: 'random',
  configuration: {
    attributes: [
      Configuration.INTERNAL_IP4_ADDRESS,
      Configuration.INTERNAL_IP4_NETMASK,
      Configuration.INTERNAL_IP4_DNS,
      Configuration.INTERNAL_IP4_NBNS,
      Configuration.APPLICATION_VERSION,
      Configuration.UNITY_BANNER,
      Configuration.UNITY_SAVE_PASSWD,
      Configuration.UNITY_DEF_DOMAIN,
      Configuration.UNITY_SPLIT_DNS,
      Configuration.UNITY_SPLIT_INCLUDE,
      Configuration.UNITY_LOCAL_LAN,
      Configuration.UNITY_PFS,
      Configuration.UNITY_BACKUP_SERVERS,
      Configuration.UNITY_NATT_PORT,
    ],
    applicationVersion: 'Sallyport',
  },
};
