package profile

// CanMark reports whether the gateway has a place for something of its own in records that are there already: the external id or a
// stamp, and an update to write it with.
func (c *Collection) CanMark() bool {
	return c.calls[Update] != nil && (c.external.write != nil || c.Stamps())
}
