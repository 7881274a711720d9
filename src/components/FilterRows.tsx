import { Button, InlineField, InlineFieldRow, InlineLabel } from '@grafana/ui';
import React from 'react';
import { labels } from '../labels';
import type { Filter } from '../types';
import { FilterFields } from './FilterFields';
import { labelWidth, type PartProps } from './layout';

const text = labels.query;

/** Which visits count. All filters hold at once. */
export function FilterRows(props: PartProps) {
  const { query, set } = props;
  const filters = query.filters ?? [];
  const add = () => set({ filters: [...filters, { key: '', operator: '=', values: [] }] });
  const change = (at: number, filter: Filter) => set({ filters: filters.map((old, n) => (n === at ? filter : old)) });
  const remove = (at: number) => set({ filters: filters.filter((_, n) => n !== at) });

  return (
    <>
      {filters.map((filter, n) => (
        <InlineFieldRow key={n}>
          <InlineLabel width={labelWidth}>{n === 0 ? text.filters : ''}</InlineLabel>
          <FilterFields {...props} n={n} filter={filter} onChange={(next) => change(n, next)} />
          <Button
            variant="secondary"
            fill="text"
            icon="times"
            aria-label={text.removeFilter(n + 1)}
            tooltip={text.removeFilter(n + 1)}
            onClick={() => remove(n)}
          />
        </InlineFieldRow>
      ))}
      <InlineFieldRow>
        <InlineField label={filters.length ? '' : text.filters} labelWidth={labelWidth}>
          <Button variant="secondary" icon="plus" onClick={add}>
            {text.addFilter}
          </Button>
        </InlineField>
      </InlineFieldRow>
    </>
  );
}
