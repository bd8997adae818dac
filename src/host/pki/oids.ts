/** Object identifiers of X.509, by their names in RFC 5280 and RFC 4945. */

export const Extension = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  crlNumber: '2.5.29.20',
  reasonCode: '2.5.29.21',
  nameConstraints: '2.5.29.30',
  certificatePolicies: '2.5.29.32',
  authorityKeyIdentifier: '2.5.29.35',
  extKeyUsage: '2.5.29.37',
} as const;

export const KeyPurpose = {
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  /** These three came before RFC 4945, which gave them up; certificates of their time carry them. */
  ipsecEndSystem: '1.3.6.1.5.5.7.3.5',
  ipsecTunnel: '1.3.6.1.5.5.7.3.6',
  ipsecUser: '1.3.6.1.5.5.7.3.7',
  /** RFC 4945 section 5.1.3.12. */
  ipsecIKE: '1.3.6.1.5.5.7.3.17',
  /** An older draft's; macOS asks for it in a gateway's certificate. */
  iKEIntermediate: '1.3.6.1.5.5.8.2.2',
  anyExtendedKeyUsage: '2.5.29.37.0',
} as const;
