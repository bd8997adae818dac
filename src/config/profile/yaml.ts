/** Profiles in our own format, with the checks and the rules for secrets that the gateway's configuration has. */

import { offersModern } from '../../core/personas/offer.ts';
import { PERSONAS } from '../../core/personas/personas.ts';
import { buildCertificate } from '../authentication.ts';
import { buildDpd, checkPppMethods } from '../build.ts';
import { absolute, readSecretFile } from '../files.ts';
import type { Report } from '../report.ts';
import { type ReadSecretFile, resolvePsk, resolveTunnelSecret, withoutLineEnd } from '../secrets.ts';
import { MAX_PSK_BYTES } from '../values.ts';
import { parseYaml } from '../yaml.ts';
import type { Draft } from './draft.ts';
import type { Around } from './format.ts';
import { PROFILE_DEFAULTS } from './profile.ts';
import { checkProfile, type ProfileSettings } from './yaml-schema.ts';

export const YAML_WORDS = {
  gateways: ['gateway'],
  identity: ['group'],
  psk: ['psk', 'psk_file'],
  authorities: ['authorities'],
  certificate: ['certificate'],
  needsIdentity: false,
} as const;

/** Never throws on account of `text`. */
export function readYamlProfile(text: string, around: Around): { draft: Draft; holdsSecret: boolean; report: Report } {
  const { root, report } = parseYaml(text);
  const settings = root && checkProfile(root, report);
  if (!settings) return { draft: {}, holdsSecret: false, report };
  return {
    draft: draftOf(settings, around, report),
    holdsSecret: (settings.psk ?? settings.l2tp_secret) !== undefined,
    report,
  };
}

function draftOf(settings: ProfileSettings, around: Around, report: Report): Draft {
  const inFolder = (path: string) => absolute(path, around.folder);
  const { ports = {}, legacy = false } = settings;
  const authentication = settings.authentication ?? 'psk';
  if (!legacy) checkModern(settings, report);
  checkPersona(settings, legacy, report);
  const draft: Draft = {
    gateways: settings.gateway,
    exchange: settings.exchange,
    authentication,
    xauth: settings.xauth,
    l2tp: settings.l2tp,
    pppMethods: pppMethodsOf(settings, report),
    tunnelSecret: tunnelSecretOf(settings, around, report),
    identity: settings.group?.value,
    psk: pskOf(settings, authentication, around, report),
    certificate: buildCertificate(settings.certificate, inFolder, report),
    authorities: settings.authorities?.value.map(inFolder),
    gatewayIdentities: settings.gateway_id?.value,
    user: settings.user,
    password: passwordOf(settings, around, report),
    domain: settings.domain,
    carrier: settings.carrier,
    ports: {
      ike: ports.ike ?? PROFILE_DEFAULTS.ikePort,
      natT: ports['nat-t'] ?? PROFILE_DEFAULTS.natTPort,
      ciscoUdp: ports['cisco-udp'],
      ciscoTcp: ports['cisco-tcp'] ?? PROFILE_DEFAULTS.ciscoTcpPort,
    },
    routes: settings.routes,
    dns: settings.dns,
    splitDns: settings.split_dns,
    localLan: settings.local_lan,
    onLoss: settings.on_loss,
    persona: settings.persona?.value,
    applicationVersion: settings.application_version,
    legacy,
    dhGroup: settings.dh_group?.value,
    pfs: pfsOf(settings),
    dpd: buildDpd(settings.dpd, PROFILE_DEFAULTS, report),
    tun: settings.tun,
    mtu: settings.mtu,
  };
  return draft;
}

/** Hybrid needs none; with a certificate none would be used. */
function pskOf(settings: ProfileSettings, authentication: string, around: Around, report: Report): Draft['psk'] {
  const given = settings.psk ?? settings.psk_file;
  if (given && authentication !== 'psk') {
    report.warning(given.item, `isn't used, since authentication is ${authentication}`);
  }
  if (authentication !== 'psk') return undefined;
  return resolvePsk(settings, readerOf(around), report);
}

function tunnelSecretOf(settings: ProfileSettings, around: Around, report: Report): Draft['tunnelSecret'] {
  const { l2tp_secret: secret, l2tp_secret_file: file } = settings;
  return resolveTunnelSecret(secret, file, 'l2tp_secret', readerOf(around), report);
}

function pppMethodsOf({ l2tp_authentication: methods }: ProfileSettings, report: Report): Draft['pppMethods'] {
  if (methods) checkPppMethods(methods, report);
  return methods?.value;
}

function readerOf(around: Around): ReadSecretFile {
  return (path) => readSecretFile(absolute(path, around.folder), around.read);
}

function passwordOf({ password_file: file }: ProfileSettings, around: Around, report: Report): string | undefined {
  if (!file) return undefined;
  const found = readSecretFile(absolute(file.value, around.folder), around.read);
  if ('wrong' in found) return report.error(file.item, found.wrong, found.hint);
  const password = withoutLineEnd(found.text);
  if (password !== '' && Buffer.byteLength(password) <= MAX_PSK_BYTES) return password;
  return report.error(file.item, `the file must hold one password of 1 to ${MAX_PSK_BYTES} bytes`);
}

/** `true` is the group of phase 1, or what most gateways have. */
function pfsOf({ pfs, dh_group: dhGroup }: ProfileSettings): Draft['pfs'] {
  return pfs?.value === 'on' ? (dhGroup?.value ?? 14) : pfs?.value;
}

/** Some offer nothing that is still modern. */
function checkPersona({ persona }: ProfileSettings, legacy: boolean, report: Report): void {
  if (!persona || legacy || offersModern(PERSONAS[persona.value])) return;
  report.error(
    persona.item,
    `${persona.value} offers only old algorithms`,
    'set legacy: true, or take another persona',
  );
}

function checkModern({ dh_group: dhGroup, pfs }: ProfileSettings, report: Report): void {
  for (const at of [dhGroup, pfs]) {
    if (at?.value === 2 || at?.value === 5) {
      report.error(at.item, `group ${at.value} is too weak for these days`, 'take 14 or more, or set legacy: true');
    }
  }
}
