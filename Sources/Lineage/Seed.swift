// Seed of the room Lineage; replaced by its first real file.
