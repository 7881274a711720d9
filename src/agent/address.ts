import { options } from './options';

/**
 * An address without fragment and user, and of its query only the parameters that the site allows. Of data: and blob:, which
 * are content, only that is left; what is no address, such as "inline", stays as it is.
 */
export function clean(address: string): string {
  const [, scheme, rest, query] = /^(\w[\w+.-]*:)([^?#]*)\??([^#]*)/.exec(address) ?? [];
  if (!scheme) {
    return address;
  }
  if (!rest.startsWith('//')) {
    return scheme;
  }
  const kept = query.split('&').filter((pair) => options.allowQuery?.includes(pair.split('=')[0]));
  return scheme + rest.replace(/^\/\/[^/]*@/, '//') + (kept.length ? '?' + kept.join('&') : '');
}
