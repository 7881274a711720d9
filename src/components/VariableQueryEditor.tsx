import type { QueryEditorProps } from '@grafana/data';
import { InlineField, InlineFieldRow, Select } from '@grafana/ui';
import React, { useId } from 'react';
import type { DataSource } from '../datasource';
import { dimensionOption, listable } from '../dimensions';
import { labels } from '../labels';
import type { SightlineQuery, SightlineSettings } from '../types';
import { FilterRows } from './FilterRows';
import { labelWidth } from './layout';
import { ScopeFields } from './ScopeFields';

type Props = QueryEditorProps<DataSource, SightlineQuery, SightlineSettings>;

/** Chooses what a template variable lists. */
export function VariableQueryEditor({ datasource, query: stored, range, onChange }: Props) {
  const id = useId();
  // Grafana starts a new variable with an empty text in place of a query.
  const query: SightlineQuery = {
    ...(typeof stored === 'object' ? stored : {}),
    refId: 'variable',
    queryType: 'variable',
  };
  const set = (part: Partial<SightlineQuery>) => onChange({ ...query, ...part });
  const parts = { id, datasource, query, range, set };

  return (
    <>
      <InlineFieldRow>
        <InlineField
          label={labels.variable.dimension}
          labelWidth={labelWidth}
          tooltip={labels.variable.dimensionTooltip}
          htmlFor={`${id}-dimension`}
        >
          <Select
            inputId={`${id}-dimension`}
            aria-label={labels.variable.dimension}
            width={24}
            options={listable.map(dimensionOption)}
            value={query.dimension ? dimensionOption(query.dimension) : null}
            placeholder={labels.variable.dimensionPlaceholder}
            onChange={({ value }) => set({ dimension: value })}
          />
        </InlineField>
      </InlineFieldRow>
      <InlineFieldRow>
        <ScopeFields {...parts} />
      </InlineFieldRow>
      <FilterRows {...parts} />
    </>
  );
}
