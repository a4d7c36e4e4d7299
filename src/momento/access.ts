/**
 * API keys: who may publish where, subscribe where, and make and delete caches.
 * Without keys everybody may everything.
 *
 * Layer 29. Source: Momento, permission scopes of disposable tokens.
 */
import { createHash } from 'node:crypto'
import { checkEach, checkOne, isObject, oneOf, type Rule, type Rules, refuseOption, TEXT } from '../checks.ts'
import { StatusError } from './status.ts'

/** What a key allows on topics, in the vendor's words. */
export type TopicRole = 'publishsubscribe' | 'subscribeonly' | 'publishonly'

/** A right on some topics. */
export interface TopicPermission {
  readonly role: TopicRole
  /** The name of a cache. Default: all. */
  readonly cache?: string
  /** The name of a topic, or how its name begins. Default: all. */
  readonly topic?: string | { readonly namePrefix: string }
}

/** A key that clients may come with. */
export interface ApiKey {
  /** The secret: what a client sends as `authorization`. */
  readonly key: string
  /** What the items published with the key say in `tokenId()`; at most 64 characters. Default `''`. */
  readonly tokenId?: string
  /** What it is good for. Default: everything, caches included; with a list, no caches can be made, deleted or listed. */
  readonly permissions?: readonly TopicPermission[]
}

/** What one client may do. */
export interface Grant {
  /** Goes with every item that it publishes. */
  readonly publisherId: string
  /** @throws {StatusError} PERMISSION_DENIED */
  check(action: 'publish' | 'subscribe', cache: string, topic: string): void
  /** For making, deleting and listing caches. @throws {StatusError} PERMISSION_DENIED */
  checkControl(): void
}

const LIST: Rule = ['a list', Array.isArray]
const PREFIX: Rules = { namePrefix: TEXT }
const PERMISSION: Rules = {
  role: oneOf('publishsubscribe', 'subscribeonly', 'publishonly'),
  cache: TEXT,
  topic: ['a name or { namePrefix }', (value) => isObject(value) || TEXT[1](value)],
}
const KEY: Rules = {
  key: TEXT,
  tokenId: ['text of at most 64 characters', (value) => typeof value === 'string' && value.length <= 64],
  permissions: LIST,
}

const EVERYTHING: Grant = { publisherId: '', check: () => {}, checkControl: () => {} }

export class Access {
  /** By the digests of the keys: looking one up takes no longer the more of it is right. Undefined: no keys are asked for. */
  readonly #grants: ReadonlyMap<string, Grant> | undefined

  /** @throws {BusbarError} `ERR_OPTION_INVALID` */
  constructor(keys: readonly (string | ApiKey)[] | undefined) {
    if (keys === undefined) return
    checkOne(keys, LIST, 'apiKeys')
    const grants = keys.map((key, index) => checkKey(typeof key === 'string' ? { key } : key, `apiKeys.${index}`))
    this.#grants = new Map(grants.map((apiKey) => [digestOf(apiKey.key), grantOf(apiKey)]))
    if (this.#grants.size < keys.length) refuseOption('apiKeys', 'a key is there twice')
  }

  /**
   * @param authorization what the client sent, '' for nothing
   * @throws {StatusError} UNAUTHENTICATED
   */
  grant(authorization: string): Grant {
    if (this.#grants === undefined) return EVERYTHING
    const grant = this.#grants.get(digestOf(authorization))
    if (grant === undefined) throw new StatusError('UNAUTHENTICATED', 'The API key is missing or not known')
    return grant
  }
}

function checkKey(apiKey: ApiKey, option: string): ApiKey {
  checkOne(apiKey, ['a key', isObject], option)
  const checked = checkEach(apiKey, KEY, `${option}.`)
  checkOne(checked.key, TEXT, `${option}.key`)
  return { ...checked, ...(checked.permissions && { permissions: checked.permissions.map(checkPermission(option)) }) }
}

function checkPermission(option: string): (permission: TopicPermission, index: number) => TopicPermission {
  return (permission, index) => {
    const name = `${option}.permissions.${index}`
    checkOne(permission, ['a permission', isObject], name)
    const checked = checkEach(permission, PERMISSION, `${name}.`)
    if (checked.role === undefined) refuseOption(`${name}.role`, 'it has to be there')
    if (isObject(checked.topic))
      checkOne(checkEach(checked.topic, PREFIX, `${name}.topic.`).namePrefix, TEXT, `${name}.topic.namePrefix`)
    return checked
  }
}

function digestOf(key: string): string {
  return createHash('sha256').update(key).digest('hex')
}

function grantOf({ tokenId: publisherId = '', permissions }: ApiKey): Grant {
  if (permissions === undefined) return { ...EVERYTHING, publisherId }
  return {
    publisherId,
    check(action, cache, topic) {
      if (!permissions.some((permission) => allows(permission, action, cache, topic))) throw denied(`to ${action}`)
    },
    checkControl() {
      throw denied('to manage caches')
    },
  }
}

function allows({ role, cache, topic }: TopicPermission, action: string, onCache: string, onTopic: string): boolean {
  if (role !== 'publishsubscribe' && role !== `${action}only`) return false
  if (cache !== undefined && cache !== onCache) return false
  if (topic === undefined) return true
  return typeof topic === 'string' ? topic === onTopic : onTopic.startsWith(topic.namePrefix)
}

function denied(what: string): StatusError {
  // The vendor's own tests look for these two words.
  return new StatusError('PERMISSION_DENIED', `Insufficient permissions ${what}`)
}
