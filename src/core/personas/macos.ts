/**
 * macOS and iOS, "Cisco IPsec": racoon. Sources: A, logs of strongSwan gateways that people posted with their clients (such as
 * kitten/setup-strong-strongswan#28, apache/cloudstack#872); B, racoon and the code that configures it, as Apple published them.
 */
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

const aes256 = (hash: number, group: number) => ({ encryption: Phase1Encryption.AES_CBC, keyBits: 256, hash, group });
const aes128 = (hash: number, group: number) => ({ encryption: Phase1Encryption.AES_CBC, keyBits: 128, hash, group });
const tripleDes = (hash: number, group: number) => ({ encryption: Phase1Encryption.TRIPLE_DES_CBC, hash, group });

export const MACOS: Persona = {
  name: 'macos',
  // A: in strongSwan's logs in this order
  vendorIds: [
    VendorId.NAT_T_RFC3947,
    VendorId.NAT_T_UNNUMBERED,
    VendorId.NAT_T_08,
    VendorId.NAT_T_07,
    VendorId.NAT_T_06,
    VendorId.NAT_T_05,
    VendorId.NAT_T_04,
    VendorId.NAT_T_03,
    VendorId.NAT_T_02,
    VendorId.NAT_T_02_NEWLINE,
    VendorId.XAUTH,
    VendorId.CISCO_UNITY,
    VendorId.FRAGMENTATION,
    VendorId.DPD,
  ],
  phase1: {
    // A: "received proposals"; two logs have the same. Aggressive mode has those of one group
    offers: [
      aes256(Phase1Hash.SHA2_256, 14),
      aes256(Phase1Hash.SHA1, 14),
      aes256(Phase1Hash.MD5, 14),
      aes256(Phase1Hash.SHA2_512, 14),
      aes256(Phase1Hash.SHA2_256, 5),
      aes256(Phase1Hash.SHA1, 5),
      aes256(Phase1Hash.MD5, 5),
      aes256(Phase1Hash.SHA2_256, 2),
      aes256(Phase1Hash.SHA1, 2),
      aes256(Phase1Hash.MD5, 2),
      aes128(Phase1Hash.SHA1, 2),
      aes128(Phase1Hash.MD5, 2),
      tripleDes(Phase1Hash.SHA1, 2),
      tripleDes(Phase1Hash.MD5, 2),
    ],
    firstTransform: 1,
    // B: ipsec_doi.c, setph1attr
    attributes: [
      Phase1Attribute.LIFE_TYPE,
      Phase1Attribute.LIFE_DURATION,
      Phase1Attribute.ENCRYPTION,
      Phase1Attribute.KEY_LENGTH,
      Phase1Attribute.AUTHENTICATION,
      Phase1Attribute.HASH,
      Phase1Attribute.GROUP,
    ],
    // B: ipsec_utils.c, configure_proposal
    lifetime: 3600,
  },
  phase2: {
    mode: 'tunnel',
    // one source only: A
    offers: [
      { transform: EspTransform.AES_CBC, keyBits: 256, authentication: EspAuthentication.HMAC_SHA1 },
      { transform: EspTransform.AES_CBC, keyBits: 256, authentication: EspAuthentication.HMAC_MD5 },
      { transform: EspTransform.AES_CBC, keyBits: 128, authentication: EspAuthentication.HMAC_SHA1 },
      { transform: EspTransform.AES_CBC, keyBits: 128, authentication: EspAuthentication.HMAC_MD5 },
      { transform: EspTransform.TRIPLE_DES, authentication: EspAuthentication.HMAC_SHA1 },
      { transform: EspTransform.TRIPLE_DES, authentication: EspAuthentication.HMAC_MD5 },
    ],
    separateProposals: false,
    // B: ipsec_doi.c, setph2proposal0
    attributes: [
      Phase2Attribute.LIFE_TYPE,
      Phase2Attribute.ENCAPSULATION_MODE,
      Phase2Attribute.KEY_LENGTH,
      Phase2Attribute.AUTHENTICATION,
      Phase2Attribute.GROUP,
    ],
    lifetime: { seconds: 3600, kilobytes: undefined },
  },
  // B: ipsec_utils.c, nonce_size
  nonceLength: 16,
  quickModeIds: 'random',
  configuration: {
    // B: isakmp_cfg.c, isakmp_cfg_getconfig
    attributes: [
      Configuration.INTERNAL_IP4_ADDRESS,
      Configuration.INTERNAL_IP4_NETMASK,
      Configuration.INTERNAL_IP4_DNS,
      Configuration.INTERNAL_IP4_NBNS,
      Configuration.INTERNAL_ADDRESS_EXPIRY,
      Configuration.APPLICATION_VERSION,
      Configuration.UNITY_BANNER,
      Configuration.UNITY_DEF_DOMAIN,
      Configuration.UNITY_SPLIT_DNS,
      Configuration.UNITY_SPLIT_INCLUDE,
      Configuration.UNITY_LOCAL_LAN,
    ],
    applicationVersion: undefined,
  },
};
