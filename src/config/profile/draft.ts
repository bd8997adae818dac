/** A profile in the making: what a format said, until it is whole and fits together. */
import { basename } from 'node:path';
import type { Report } from '../report.ts';
import { PROFILE_DEFAULTS, type Profile, type ProfileFormat } from './profile.ts';
import type { Place } from './text-keys.ts';

export type Draft = { readonly [K in keyof Profile]?: Profile[K] | undefined };

/** What a format calls the settings that can be missing: of several names the first is what to set. */
export interface Words {
  readonly gateways: readonly [string, ...string[]];
  readonly identity: readonly [string, ...string[]];
  readonly psk: readonly [string, ...string[]];
  readonly authorities: readonly [string, ...string[]];
  readonly certificate: readonly [string, ...string[]];
  /** Whether there is always a group's name. */
  readonly needsIdentity: boolean;
}

/** Undefined, and reported: something is missing or doesn't fit. */
export function completeProfile(
  draft: Draft,
  file: string,
  format: ProfileFormat,
  words: Words,
  report: Report,
): Profile | undefined {
  checkWhole(draft, words, report);
  if (report.failed) return undefined;
  const { gateways = [], authentication = 'psk', l2tp = false, xauth = !l2tp } = draft;
  return {
    name: profileName(file),
    file,
    format,
    gateways,
    exchange: draft.exchange ?? (l2tp || authentication === 'certificate' ? 'main' : 'aggressive'),
    authentication,
    xauth,
    l2tp,
    pppMethods: draft.pppMethods,
    tunnelSecret: draft.tunnelSecret,
    identity: draft.identity,
    psk: draft.psk,
    certificate: draft.certificate,
    authorities: draft.authorities ?? [],
    gatewayIdentities: draft.gatewayIdentities ?? gateways,
    user: draft.user,
    password: draft.password,
    domain: draft.domain,
    mayAsk: draft.mayAsk ?? true,
    carrier: draft.carrier ?? PROFILE_DEFAULTS.carrier,
    ports: draft.ports ?? {
      ike: PROFILE_DEFAULTS.ikePort,
      natT: PROFILE_DEFAULTS.natTPort,
      ciscoUdp: undefined,
      ciscoTcp: PROFILE_DEFAULTS.ciscoTcpPort,
    },
    routes: draft.routes,
    target: draft.target,
    dns: draft.dns ?? true,
    splitDns: draft.splitDns ?? true,
    localLan: draft.localLan ?? false,
    onLoss: draft.onLoss ?? PROFILE_DEFAULTS.onLoss,
    persona: draft.persona,
    applicationVersion: draft.applicationVersion,
    legacy: draft.legacy ?? false,
    dhGroup: draft.dhGroup,
    pfs: draft.pfs ?? 'gateway',
    dpd: draft.dpd,
    tun: draft.tun,
    mtu: draft.mtu,
  };
}

const PROFILE_ENDING = /\.(?:pcf|conf|ya?ml)$/i;

/** "Academic Network.pcf" is "Academic_Network": the name is part of paths. */
export function profileName(file: string): string {
  const name = basename(file)
    .replace(PROFILE_ENDING, '')
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^\w.-]+/g, '_')
    .replace(/^[.-]+/, '')
    .slice(0, 64);
  return name || 'profile';
}

/** The places of what the file doesn't say. */
const NOWHERE: Place = { path: '', offset: 0 };

function checkWhole(draft: Draft, words: Words, report: Report): void {
  const missing = (names: Words['psk'], value: unknown, hint: string) => {
    // What is wrong isn't missing.
    if (value !== undefined || names.some((name) => report.failedAt(name))) return;
    report.error({ ...NOWHERE, path: names[0] }, 'is missing', hint);
  };
  const { authentication = 'psk', l2tp = false, xauth = !l2tp, authorities = [] } = draft;
  missing(words.gateways, draft.gateways?.[0], 'name the gateway: a host name or an address');
  if (words.needsIdentity && authentication !== 'certificate') {
    missing(words.identity, draft.identity, 'the administrator of the gateway knows the name of the group');
  }
  if (authentication === 'psk') missing(words.psk, draft.psk, 'the administrator of the gateway knows it');
  else missing(words.authorities, authorities[0], 'a file with the certificate of the authority, in PEM');
  if (authentication === 'certificate') missing(words.certificate, draft.certificate, 'name your certificate');
  if (l2tp && xauth) report.error(NOWHERE, 'with l2tp it is PPP that asks for the user: leave xauth out');
  else if (authentication === 'hybrid' && !xauth)
    report.error(NOWHERE, 'hybrid proves the gateway alone, so it needs xauth');
  if (l2tp && draft.carrier === 'cisco-udp')
    report.error(
      NOWHERE,
      "L2TP can't go by cisco-udp: a gateway agrees to that in Mode-Config, which L2TP has none of",
    );
  if (draft.mayAsk === false && (xauth || l2tp) && (draft.user === undefined || draft.password === undefined)) {
    report.error(NOWHERE, 'nothing may be asked, and user and password are not both there');
  }
}
