import type { SelectableValue } from '@grafana/data';
import { InlineField, MultiSelect, Select } from '@grafana/ui';
import React from 'react';
import { dimensionOption, dimensionsOf } from '../dimensions';
import { labels } from '../labels';
import type { Filter, Operator } from '../types';
import type { PartProps } from './layout';
import { useSuggestions } from './useSuggestions';

const text = labels.query;
const operators = Object.entries(labels.operators).map(([value, description]) => ({
  value: value as Operator,
  label: value,
  description,
}));

interface Props extends PartProps {
  /** Position in the list, from 0. */
  n: number;
  filter: Filter;
  onChange: (filter: Filter) => void;
}

/** One filter: a dimension, how it compares, and with which values. */
export function FilterFields({ datasource, query, range, n, filter, onChange }: Props) {
  const { options, isLoading, load } = useSuggestions(datasource, filter.key, { query, range });
  const values: Array<SelectableValue<string>> = filter.values.map((value) => ({ value, label: value }));
  return (
    <>
      <InlineField>
        <Select
          aria-label={text.filterKey(n + 1)}
          width={20}
          options={dimensionsOf(query.queryType ?? 'vitals').map(dimensionOption)}
          value={filter.key ? dimensionOption(filter.key) : null}
          placeholder={text.keyPlaceholder}
          onChange={({ value }) => value && onChange({ ...filter, key: value, values: [] })}
        />
      </InlineField>
      <InlineField>
        <Select<Operator>
          aria-label={text.filterOperator(n + 1)}
          width={10}
          options={operators}
          value={filter.operator}
          onChange={({ value }) => value && onChange({ ...filter, operator: value })}
        />
      </InlineField>
      <InlineField>
        <MultiSelect
          aria-label={text.filterValues(n + 1)}
          width={40}
          options={options}
          isLoading={isLoading}
          onOpenMenu={load}
          value={values}
          placeholder={text.valuesPlaceholder}
          allowCustomValue
          formatCreateLabel={text.useTyped}
          onChange={(chosen) => onChange({ ...filter, values: chosen.flatMap(({ value }) => value ?? []) })}
        />
      </InlineField>
    </>
  );
}
