import type { ScopedVars, TypedVariableModel } from '@grafana/data';
import type { TemplateSrv } from '@grafana/runtime';
import type { AdHocFilter } from '../adHoc';

type Value = string | string[];

const reference = /\$(\w+)|\$\{(\w+)\}|\[\[(\w+)\]\]/g;

/**
 * The dashboard's variables with their values, as Grafana's own template service (which no package contains) treats
 * them: "All" stands for every option, and several values inside a text become a glob or a regular expression.
 */
export function templatesWith(variables: Record<string, Value>, all: Record<string, string[]> = {}): TemplateSrv {
  const valueOf = (name: string, scoped?: ScopedVars): Value | undefined =>
    (scoped?.[name]?.value as Value) ?? all[name] ?? variables[name];

  const replace: TemplateSrv['replace'] = (text = '', scoped, format) =>
    text.replace(reference, (match: string, ...names: string[]) => {
      const value = valueOf(names[0] ?? names[1] ?? names[2], scoped);
      if (value === undefined) {
        return match;
      }
      if (typeof format === 'function') {
        return (format as (value: Value) => string)(value);
      }
      const list = [value].flat();
      if (format === 'regex') {
        const escaped = list.map((text) => text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&'));
        return Array.isArray(value) && list.length > 1 ? `(${escaped.join('|')})` : escaped.join();
      }
      return list.length > 1 ? `{${list.join(',')}}` : list.join();
    });

  return {
    replace,
    containsTemplate: (text = '') => [...text.matchAll(reference)].some((m) => valueOf(m[1] ?? m[2] ?? m[3])),
    getVariables: () =>
      [...Object.keys(variables), ...Object.keys(all)].map(
        (name) => ({ name, current: { value: name in all ? ['$__all'] : variables[name] } }) as TypedVariableModel
      ),
    updateTimeRange: () => {},
  };
}

/**
 * The same, with the ad hoc filters that Grafana before 10.3 keeps in the service, for the data source that a variable
 * chooses: asked by its name, Grafana finds none.
 */
export function templatesWithAdHoc(filters: AdHocFilter[], uid = 'sightline'): TemplateSrv {
  return Object.assign(templatesWith({}), { getAdhocFilters: (asked: string) => (asked === uid ? filters : []) });
}
