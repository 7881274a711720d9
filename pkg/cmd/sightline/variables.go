package main

import (
	"reflect"
	"strings"
)

// flagVariables are the environment variables of all commands' flags, which are no keys of the configuration.
func flagVariables() []string { return variablesOf(reflect.TypeFor[commands]()) }

func variablesOf(t reflect.Type) (names []string) {
	for i := range t.NumField() {
		field := t.Field(i)
		if name := field.Tag.Get("env"); name != "" {
			names = append(names, strings.Split(name, ",")...)
		}
		if field.Type.Kind() == reflect.Struct {
			names = append(names, variablesOf(field.Type)...)
		}
	}
	return names
}
