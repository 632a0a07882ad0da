// Whole networks against the golden outputs of ELEPHANT's own code (appendix B.1), and their structure
// against appendix A.

import Core
import Learning
import Testing

@Suite struct GoldenNetworkTests {
  @Test("B.1, plain layers", arguments: GoldenOutput.all)
  func plain(_ golden: GoldenOutput) throws {
    let model = try Deterministic.model(golden.architecture)
    let input = Deterministic.input(
      channels: golden.architecture.inputChannels, size: golden.size)
    let output = try PlainNetwork(model).forward(
      input, keepAxials: KeepAxials(golden.keep), pad: golden.pad)
    #expect(golden.difference(output) < 5e-4, "\(golden.name)")
  }

  @Test func `appendix A: numbers of parameters and tensors`() throws {
    func sizes(_ a: Architecture) -> [Int] {
      [a.parameters.count, a.parameters.reduce(0) { $0 + $1.count }]
    }
    #expect(sizes(.unet()) == [74, 5_887_011])
    #expect(sizes(.resUNet()) == [79, 5_930_547])
    #expect(sizes(.flowResNet()) == [43, 5_928_051])
    #expect(sizes(.unet(dimensions: 2))[1] == 1_965_315)
    #expect(sizes(.resUNet(dimensions: 2))[1] == 2_008_851)
    #expect(sizes(.flowResNet(dimensions: 2))[1] == 2_006_050)
    let keys = Architecture.unet().parameters
    #expect(keys[40] == ParameterSpec(name: "decoder.0.0.weight", shape: [128, 384, 3, 3, 3]))
    #expect(keys[38].name == "base.5.weight")
    #expect(Architecture.resUNet().parameters[36].name == "base.res.weight")
    #expect(Architecture.flowResNet().parameters[27].name == "decoder.0.2.weight")
  }
}
