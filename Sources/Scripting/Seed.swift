// Seed of the room Scripting; replaced by its first real file.
