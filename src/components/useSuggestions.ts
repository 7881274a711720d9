import type { SelectableValue } from '@grafana/data';
import { useRef, useState } from 'react';
import type { DataSource } from '../datasource';
import { type Scope, suggestValues } from '../suggestions';

/** The dashboard's variables and the values of a dimension for a list, asked for when it is opened and not before. */
export function useSuggestions(datasource: DataSource, key: string, scope: Scope) {
  const [options, setOptions] = useState<Array<SelectableValue<string>>>([]);
  const [isLoading, setLoading] = useState(false);
  const latest = useRef(0);

  const load = async () => {
    // A slow answer to an earlier question must not replace that to a later one.
    const asked = ++latest.current;
    setLoading(true);
    const values = key && !key.includes('$') ? await suggestValues(datasource, key, scope) : [];
    if (asked === latest.current) {
      setOptions([...datasource.variableNames(), ...values].map((value) => ({ value, label: value })));
      setLoading(false);
    }
  };

  return { options, isLoading, load: () => void load() };
}
