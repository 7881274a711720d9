import type { SelectableValue } from '@grafana/data';
import { InlineField, MultiSelect, Select } from '@grafana/ui';
import React from 'react';
import { labels } from '../labels';
import { dimensionOption } from '../schema';
import type { Filter, Operator } from '../types';
import type { PartProps } from './layout';
import { useSuggestions } from './useSuggestions';

const text = labels.query;

interface Props extends PartProps {
  /** Position in the list, from 0. */
  n: number;
  filter: Filter;
  onChange: (filter: Filter) => void;
}

/** One filter: a dimension, how it compares, and with which values. */
export function FilterFields({ datasource, schema, type, query, range, n, filter, onChange }: Props) {
  const { options, isLoading, load } = useSuggestions(datasource, filter.key, { query, range });
  const operators = schema.operators.map((value) => ({ value, label: value, description: labels.operators[value] }));
  const values: Array<SelectableValue<string>> = filter.values.map((value) => ({ value, label: value }));
  return (
    <>
      <InlineField>
        <Select
          aria-label={text.filterKey(n + 1)}
          width={20}
          options={type.dimensions.map(({ key }) => dimensionOption(key, type.dimensions))}
          value={filter.key ? dimensionOption(filter.key, type.dimensions) : null}
          placeholder={text.keyPlaceholder}
          allowCustomValue
          isValidNewOption={(typed) => typed.includes('$')}
          formatCreateLabel={text.useTyped}
          onChange={({ value }) => value && onChange({ ...filter, key: value, values: [] })}
        />
      </InlineField>
      <InlineField>
        <Select
          aria-label={text.filterOperator(n + 1)}
          width={10}
          options={operators}
          value={filter.operator}
          onChange={({ value }) => value && onChange({ ...filter, operator: value as Operator })}
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
