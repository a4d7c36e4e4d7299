/**
 * Who may publish and subscribe to which topic of a component, as its metadata
 * says: `publishingScopes`, `subscriptionScopes`, `allowedTopics`,
 * `protectedTopics`. Topics are compared as they are, without wildcards.
 *
 * Layer 19. Source: daprd's `pkg/scopes` and the decision in its pub/sub adapter.
 */

/** What an app wants to do with a topic. */
export type Action = 'publish' | 'subscribe'

/** The access rules of one component. */
export interface Access {
  /**
   * An app that no scope lists may use every allowed topic that is not
   * protected; one that is listed may use the topics of its list, `app=` none.
   */
  isAllowed(action: Action, appId: string, topic: string): boolean
}

/** @param metadata of the component; the case of names does not count, nor do spaces in values */
export function accessOf(metadata: Readonly<Record<string, string>>): Access {
  const values = new Map(
    Object.entries(metadata).map(([name, value]) => [name.toLowerCase(), value.replaceAll(' ', '')]),
  )
  const topics = (name: string): ReadonlySet<string> => new Set(values.get(name)?.split(',').filter(Boolean))
  const allowed = topics('allowedtopics')
  const protectedTopics = topics('protectedtopics')
  const scopes = {
    publish: readScopes(values.get('publishingscopes')),
    subscribe: readScopes(values.get('subscriptionscopes')),
  }
  return {
    isAllowed(action, appId, topic) {
      if (allowed.size > 0 && !allowed.has(topic)) return false
      const list = scopes[action].get(appId)
      return list === undefined ? !protectedTopics.has(topic) : list.has(topic)
    },
  }
}

/** `app1=a,b;app2=c`: an app that is listed twice may use both lists; a part without `=` says nothing. */
function readScopes(text: string = ''): ReadonlyMap<string, ReadonlySet<string>> {
  const scopes = new Map<string, Set<string>>()
  for (const part of text.split(';')) {
    const [appId = '', topics] = part.split('=')
    if (topics === undefined) continue
    scopes.set(appId, new Set([...(scopes.get(appId) ?? []), ...topics.split(',')]))
  }
  return scopes
}
