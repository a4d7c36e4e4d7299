/**
 * What a command line and the environment ask for, checked, with the defaults
 * filled in: everything that starting a sidecar and an app needs to know. Reads
 * no file and starts nothing.
 *
 * Layer 36. Source of names and defaults: daprd's options and Dapr's
 * environment variables. A flag goes before its variable.
 */
import { refuseOption } from '../checks.ts'
import type { LogLevel } from '../dapr/log.ts'
import { quote } from '../errors.ts'
import { type Flags, parseFlags } from './flags.ts'

/** The environment of a process. */
export type Environment = Readonly<Record<string, string | undefined>>

export interface Settings {
  readonly appId: string
  /** Origin of the app, `http://127.0.0.1:3000`; `undefined`: there is no app to call. */
  readonly appUrl: string | undefined
  /** Of `appUrl`, for the app's own environment. */
  readonly appPort: number | undefined
  readonly appProtocol: 'http' | 'https'
  /** Calls of the app at a time; `undefined`: no limit. */
  readonly appMaxConcurrency: number | undefined
  /** 0: any free one. */
  readonly httpPort: number
  /** Where Momento's clients are served, 0: any free one; `undefined`: nowhere. */
  readonly momentoPort: number | undefined
  /** `undefined`: loopback, in IPv4 and IPv6. */
  readonly host: string | undefined
  /** Names of in-memory components. */
  readonly pubsubs: readonly string[]
  /** Directories or files, in order. */
  readonly resourcePaths: readonly string[]
  readonly configPaths: readonly string[]
  /** Bytes; 0 or less: no limit. */
  readonly maxBodySize: number
  readonly disableInitEndpoints: readonly ('config' | 'subscribe')[]
  /** Time for what is in flight when it ends. */
  readonly graceMs: number
  readonly logLevel: LogLevel
  readonly logAsJson: boolean
  readonly apiToken: string | undefined
  readonly appToken: string | undefined
  readonly namespace: string | undefined
  /** Flags that were given and have no effect. */
  readonly ignored: readonly string[]
  /** The app to start: a program and its arguments. Empty: none. */
  readonly command: readonly string[]
}

export type Wish =
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | { readonly kind: 'serve'; readonly settings: Settings }

/** A text, and where it was given: `--app-port` or `APP_PORT`. */
interface Given {
  readonly name: string
  readonly text: string
}

const MIB = 1024 * 1024
const MAX_PORT = 65_535

const LEVELS: ReadonlyMap<string, LogLevel> = new Map([
  ['debug', 'debug'],
  ['info', 'info'],
  ['warn', 'warn'],
  ['warning', 'warn'],
  ['error', 'error'],
  // What is fatal is an error here, and the last one.
  ['fatal', 'error'],
  ['panic', 'error'],
])

/** Kubernetes' suffixes of a quantity, which `--max-body-size` is. */
const FACTORS: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['k', 1e3],
  ['M', 1e6],
  ['G', 1e9],
  ['Ki', 1024],
  ['Mi', MIB],
  ['Gi', 1024 * MIB],
])

/**
 * What is wanted. `--help` and `--version` win over everything else, once all
 * flags could be read.
 *
 * @param args the words behind the program's name
 * @throws {BusbarError} `ERR_OPTION_INVALID` with the flag or variable as `option`
 */
export function readWish(args: readonly string[], environment: Environment): Wish {
  const flags = parseFlags(args)
  if (isOn(flags, 'help')) return { kind: 'help' }
  if (isOn(flags, 'version')) return { kind: 'version' }
  return { kind: 'serve', settings: readSettings(flags, environment) }
}

function readSettings(flags: Flags, environment: Environment): Settings {
  const given = (flag: string, variable?: string): Given | undefined => find(flags, environment, flag, variable)
  const appPort = readPort(given('app-port', 'APP_PORT'))
  const appProtocol = readProtocol(flags)
  return {
    appId: readAppId(given('app-id', 'APP_ID')),
    // daprd takes the ports 0 and -1 for none
    appUrl: appPort ? originOf(appProtocol, given('app-channel-address'), appPort) : undefined,
    appPort: appPort === 0 ? undefined : appPort,
    appProtocol,
    appMaxConcurrency: readLimit(given('app-max-concurrency')),
    httpPort: readPort(given('dapr-http-port', 'DAPR_HTTP_PORT')) ?? 3500,
    momentoPort: readPort(given('momento-port')),
    host: readHost(given('dapr-listen-addresses')),
    pubsubs: listOf(flags, 'pubsub'),
    resourcePaths: [...listOf(flags, 'resources-path'), ...listOf(flags, 'components-path')],
    configPaths: listOf(flags, 'config'),
    maxBodySize: readBodySize(given('max-body-size'), given('dapr-http-max-request-size')),
    disableInitEndpoints: listOf(flags, 'disable-init-endpoints').map(toInitEndpoint),
    graceMs: readGraceMs(given('dapr-graceful-shutdown-seconds')),
    logLevel: readLevel(given('log-level')),
    logAsJson: isOn(flags, 'log-as-json'),
    apiToken: readToken(environment, 'DAPR_API_TOKEN'),
    appToken: readToken(environment, 'APP_API_TOKEN'),
    namespace: environment['NAMESPACE'] || undefined,
    ignored: flags.ignored,
    command: flags.command,
  }
}

/** The last of a flag; else its variable, where an empty one is as good as none. */
function find(flags: Flags, environment: Environment, flag: string, variable?: string): Given | undefined {
  const text = flags.values.get(flag)?.at(-1)
  if (text !== undefined) return { name: `--${flag}`, text: text.trim() }
  const value = variable === undefined ? undefined : environment[variable]?.trim()
  return variable === undefined || value === undefined || value === '' ? undefined : { name: variable, text: value }
}

function isOn(flags: Flags, name: string): boolean {
  return flags.values.get(name)?.at(-1) === 'true'
}

/** Of a flag that may be given more than once, and each time with commas. */
function listOf(flags: Flags, name: string): readonly string[] {
  const texts = flags.values.get(name) ?? []
  return texts.flatMap((text) => text.split(',')).flatMap((text) => text.trim() || [])
}

function readAppId(given: Given | undefined): string {
  if (given === undefined) return 'busbar'
  if (/^[^\s.]+$/.test(given.text)) return given.text
  return refuseOption(given.name, `${quote(given.text)} is no app id: it is empty or has a dot or a blank in it`)
}

function readInteger({ name, text }: Given): number {
  const number = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN
  return Number.isSafeInteger(number) ? number : refuseOption(name, `${quote(text)} is not a whole number`)
}

/** @returns 0 for `-1` too */
function readPort(given: Given | undefined): number | undefined {
  if (given === undefined) return undefined
  const port = readInteger(given)
  if (port < -1 || port > MAX_PORT) refuseOption(given.name, `${quote(given.text)} is not a port, 0 to ${MAX_PORT}`)
  return Math.max(0, port)
}

function readLimit(given: Given | undefined): number | undefined {
  const limit = given && readInteger(given)
  return limit !== undefined && limit > 0 ? limit : undefined
}

function readProtocol(flags: Flags): 'http' | 'https' {
  const protocol = flags.values.get('app-protocol')?.at(-1)?.trim().toLowerCase() ?? 'http'
  if (protocol === 'https' || (protocol === 'http' && isOn(flags, 'app-ssl'))) return 'https'
  if (protocol === 'http') return 'http'
  return refuseOption('--app-protocol', `${quote(protocol)} is not served; the app has to speak http or https`)
}

function originOf(protocol: string, address: Given | undefined, port: number): string {
  const host = address === undefined ? '127.0.0.1' : bracketed(address.text)
  const text = `${protocol}://${host}:${port}`
  const url = /^[^\s/?#@\\]+$/.test(host) && URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined) return refuseOption('--app-channel-address', `${quote(address?.text)} is not a host`)
  return `${protocol}://${url.hostname}:${port}` // unlike `origin`, with the port when it is the protocol's own
}

/** An IPv6 address as it stands in a URL. */
function bracketed(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
}

/** One address of a list such as `[::1],127.0.0.1`: a wildcard covers all others, and loopback is the default. */
function readHost(given: Given | undefined): string | undefined {
  const hosts = (given?.text ?? '').split(',').flatMap((host) => host.trim().replace(/^\[(.*)\]$/, '$1') || [])
  const [only, ...others] = hosts
  if (given === undefined || others.length === 0) return only
  const wildcard = hosts.find((host) => host === '::') ?? hosts.find((host) => host === '0.0.0.0')
  if (wildcard !== undefined) return wildcard
  if (hosts.every((host) => ['127.0.0.1', '::1', 'localhost'].includes(host))) return undefined
  return refuseOption(given.name, `${quote(given.text)} is more than one address; give one, or 0.0.0.0 for all`)
}

function readBodySize(size: Given | undefined, mebibytes: Given | undefined): number {
  if (size !== undefined) return readQuantity(size)
  return mebibytes === undefined ? 4 * MIB : readInteger(mebibytes) * MIB
}

function readQuantity({ name, text }: Given): number {
  const [, digits = '', suffix = ''] = /^([+-]?\d+(?:\.\d+)?)([A-Za-z]*)$/.exec(text) ?? []
  const bytes = digits === '' ? Number.NaN : Number(digits) * (FACTORS.get(suffix) ?? Number.NaN)
  return Number.isSafeInteger(bytes) ? bytes : refuseOption(name, `${quote(text)} is not a size such as 512Ki or 4Mi`)
}

function toInitEndpoint(name: string): 'config' | 'subscribe' {
  if (name === 'config' || name === 'subscribe') return name
  return refuseOption('--disable-init-endpoints', `${quote(name)} is neither config nor subscribe`)
}

function readGraceMs(given: Given | undefined): number {
  const seconds = given === undefined ? 5 : readInteger(given)
  return seconds < 0 ? refuseOption('--dapr-graceful-shutdown-seconds', 'it is below 0') : seconds * 1_000
}

function readLevel(given: Given | undefined): LogLevel {
  const level = LEVELS.get(given?.text.toLowerCase() ?? 'info')
  return level ?? refuseOption('--log-level', `${quote(given?.text)} is not debug, info, warn or error`)
}

/** An empty token would let everybody in, while it looks as if there were one. */
function readToken(environment: Environment, variable: string): string | undefined {
  const token = environment[variable]
  return token === '' ? refuseOption(variable, 'it is empty; unset it when there is no token') : token
}
