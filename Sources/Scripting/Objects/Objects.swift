// Every Lua name of Howdah's objects, gathered. One file an object; each declares its names, sentences and
// examples to the registry, and a test runs every example on a simulated project called `p`.

/// The objects and modules that scripts and recipes work with.
public enum Objects {
  /// Declare all of them.
  public static func register(_ registry: Registry) {
    HowdahModule.register(registry)
    DetectModule.register(registry)
    LinkModule.register(registry)
    EvaluateModule.register(registry)
    SimulateModule.register(registry)
    ProjectType.register(registry)
    SettingsType.register(registry)
    ImagesType.register(registry)
    VolumeType.register(registry)
    SpotsType.register(registry)
    LinksType.register(registry)
    SpotType.register(registry)
    LinkType.register(registry)
    WhyType.register(registry)
    TrackType.register(registry)
    TagsType.register(registry)
    ArrayType.register(registry)
    ModelType.register(registry)
    ShowFunction.register(registry)
    registry.projects = ProjectBinding(
      push: { call, project in try call.push(project) },
      take: { call, argument in call.objectIfAny(argument, ProjectObject.self)?.project })
  }
}
