// The registry of the program: the objects and modules of Howdah and the host's own names.

/// Makes the registry that the command, recipes and benchmarks use.
public enum StandardRegistry {
  /// A registry with every name.
  public static func make() -> Registry {
    let registry = Registry()
    Objects.register(registry)
    HostFunctions.register(registry)
    return registry
  }
}
