import type { QueryEditorProps, TimeRange } from '@grafana/data';
import { InlineField, InlineFieldRow, Select } from '@grafana/ui';
import React, { useId } from 'react';
import type { DataSource } from '../datasource';
import { labels } from '../labels';
import { dimensionOption, type QueryTypeSchema, type Schema, typeOf } from '../schema';
import { fromStored } from '../stored';
import type { SightlineQuery, SightlineSettings } from '../types';
import { FilterRows } from './FilterRows';
import { labelWidth } from './layout';
import { SchemaGate } from './SchemaGate';
import { ScopeFields } from './ScopeFields';

type Props = QueryEditorProps<DataSource, SightlineQuery, SightlineSettings>;

/** Chooses what a template variable lists: values, narrowed by other variables in the filters. */
export function VariableQueryEditor({ datasource, query: stored, range, onChange }: Props) {
  // Grafana starts a new variable with an empty text in place of a query.
  const query: SightlineQuery = {
    ...(typeof stored === 'object' ? fromStored(stored) : {}),
    refId: 'variable',
    queryType: 'variable',
  };
  return (
    <SchemaGate datasource={datasource}>
      {(schema) => <Fields datasource={datasource} schema={schema} query={query} range={range} onChange={onChange} />}
    </SchemaGate>
  );
}

interface FieldsProps {
  datasource: DataSource;
  schema: Schema;
  query: SightlineQuery;
  range?: TimeRange;
  onChange: (query: SightlineQuery) => void;
}

function Fields({ datasource, schema, query, range, onChange }: FieldsProps) {
  const id = useId();
  const type = typeOf(schema, 'variable') ?? { ...schema.queryTypes[0], name: 'variable' };
  const set = (part: Partial<SightlineQuery>) => onChange({ ...query, ...part });
  const parts = { id, datasource, schema, type, query, range, set };
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
            options={type.dimensions.map(({ key }) => dimensionOption(key, type.dimensions))}
            value={query.dimension ? dimensionOption(query.dimension, type.dimensions) : null}
            placeholder={labels.variable.dimensionPlaceholder}
            onChange={({ value }) => set({ dimension: value })}
          />
        </InlineField>
      </InlineFieldRow>
      <InlineFieldRow>
        <ScopeFields {...parts} />
      </InlineFieldRow>
      <FilterRows {...parts} type={listedFrom(schema, query.dimension)} />
    </>
  );
}

/** What the values can be narrowed by: the dimensions of the first question that has the one whose values are listed. */
function listedFrom(schema: Schema, dimension?: string): QueryTypeSchema {
  const has = ({ groups, dimensions }: QueryTypeSchema) => groups && dimensions.some(({ key }) => key === dimension);
  return schema.queryTypes.find(has) ?? schema.queryTypes[0];
}
