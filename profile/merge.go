package profile

import (
	"errors"
	"reflect"

	"go.yaml.in/yaml/v3"

	"github.com/meridian-gateway/meridian/profile/presets"
)

// Merge lays a preset under what a user wrote: mappings are joined key by key, at any depth, and where both have something
// else than a mapping the user's stands, lists as a whole. A user's null leaves the preset's. Neither argument is changed;
// either may be nil. Nodes of the result keep the line and column where they were written.
func Merge(preset, user *yaml.Node) *yaml.Node {
	preset, user = meant(preset), meant(user)
	switch {
	case preset == nil:
		return user
	case user == nil || user.Kind == yaml.ScalarNode && user.ShortTag() == "!!null":
		return preset
	case preset.Kind != yaml.MappingNode || user.Kind != yaml.MappingNode:
		return user
	}
	out := *user
	out.Content = nil
	for i := 0; i+1 < len(user.Content); i += 2 {
		k := user.Content[i]
		out.Content = append(out.Content, k, Merge(child(preset, k.Value), user.Content[i+1]))
	}
	for i := 0; i+1 < len(preset.Content); i += 2 {
		if k := preset.Content[i]; child(user, k.Value) == nil {
			out.Content = append(out.Content, k, preset.Content[i+1])
		}
	}
	return &out
}

// meant is the node behind documents and aliases.
func meant(n *yaml.Node) *yaml.Node {
	for n != nil {
		switch {
		case n.Kind == yaml.DocumentNode && len(n.Content) > 0:
			n = n.Content[0]
		case n.Kind == yaml.AliasNode:
			n = n.Alias
		case n.Kind == 0 || n.Kind == yaml.DocumentNode:
			return nil
		default:
			return n
		}
	}
	return nil
}

func child(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// presetFile is a preset: the profile's own keys, what is laid under every collection, and what is laid under those of well-known
// names besides.
type presetFile struct {
	profile Spec
	base    CollectionSpec
	named   map[string]CollectionSpec
}

// template reads a preset.
func template(preset string) (out presetFile, err error) {
	text, err := presets.Load(preset)
	if err != nil {
		return out, err
	}
	return parsePreset(text)
}

func parsePreset(text []byte) (out presetFile, err error) {
	var doc yaml.Node
	if err = yaml.Unmarshal(text, &doc); err != nil {
		return out, err
	}
	// collection is a key of presets only; the rest of the file is a profile.
	if meant(&doc) == nil {
		return out, errors.New("the preset is empty")
	}
	root := *meant(&doc)
	root.Content = nil
	for i := 0; i+1 < len(meant(&doc).Content); i += 2 {
		k, v := meant(&doc).Content[i], meant(&doc).Content[i+1]
		if k.Value != "collection" {
			root.Content = append(root.Content, k, v)
		} else if err = v.Decode(&out.base); err != nil {
			return out, err
		}
	}
	if len(root.Content) > 0 {
		err = root.Decode(&out.profile)
	}
	out.named, out.profile.Collections = out.profile.Collections, nil
	return out, err
}

// over is a profile with the preset's own keys where it has none.
func (f presetFile) over(s Spec) Spec {
	collections := s.Collections
	lay(reflect.ValueOf(f.profile), reflect.ValueOf(&s).Elem())
	s.Collections = collections
	return s
}

// collection is what a user says of a collection, with the preset laid under it.
func (f presetFile) collection(name string, s CollectionSpec) CollectionSpec {
	if named, ok := f.named[name]; ok {
		lay(reflect.ValueOf(named), reflect.ValueOf(&s).Elem())
	}
	lay(reflect.ValueOf(f.base), reflect.ValueOf(&s).Elem())
	return s
}

// lay is Merge on decoded values: what is not set in user is taken from the preset. Laying it twice does nothing more.
func lay(preset, user reflect.Value) {
	switch user.Kind() {
	case reflect.Pointer:
		switch {
		case preset.IsNil():
		case user.IsNil():
			user.Set(preset)
		case user.Type().Elem().Kind() == reflect.Struct && !whole(user.Elem()) && !whole(preset.Elem()):
			made := reflect.New(user.Type().Elem()) // the caller's own stays as it is
			made.Elem().Set(user.Elem())
			user.Set(made)
			lay(preset.Elem(), made.Elem())
		}
	case reflect.Struct:
		for i := range user.NumField() {
			lay(preset.Field(i), user.Field(i))
		}
	case reflect.Map:
		if user.Len() == 0 || preset.Len() == 0 {
			layWhole(preset, user)
			return
		}
		joined := reflect.MakeMap(user.Type()) // the caller's own stays as it is
		for _, from := range []reflect.Value{preset, user} {
			for k, v := range from.Seq2() {
				joined.SetMapIndex(k, v)
			}
		}
		for k, v := range user.Seq2() {
			if f, isField := v.Interface().(FieldSpec); isField && !f.placed() && preset.MapIndex(k).IsValid() {
				made := reflect.New(v.Type()).Elem()
				made.Set(v)
				lay(preset.MapIndex(k), made)
				joined.SetMapIndex(k, made)
			}
		}
		user.Set(joined)
	default:
		layWhole(preset, user)
	}
}

// placed reports whether a field says where it is, so that what a preset says of a field of that name is of no use to it. One that does
// not, as in status: {values: {open: 2}}, says something more of the preset's.
func (f FieldSpec) placed() bool {
	return f.At != "" || f.Read != "" || f.Write != "" || len(f.Const) > 0
}

func layWhole(preset, user reflect.Value) {
	if user.IsZero() {
		user.Set(preset)
	}
}

// whole reports whether a value stands for itself: a call that is switched off, an etag that is on or off, a value.
func whole(v reflect.Value) bool {
	switch s := v.Interface().(type) {
	case CallSpec:
		return s.Off
	case FindSpec:
		return s.Off
	case ETagSpec, Null, Template, Marker:
		return true
	}
	return false
}
