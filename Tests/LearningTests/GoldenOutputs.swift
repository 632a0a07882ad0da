// The table of golden outputs (elephant-server.md, appendix B.1), computed with ELEPHANT's own code.

import Core
import Learning

extension GoldenOutput {
  static let all: [GoldenOutput] = [
    GoldenOutput(
      name: "UNet 3D, 8 x 32 x 32, keep T,T,F,F, no pad",
      architecture: .unet(dimensions: 3), size: Size3(x: 32, y: 32, z: 8),
      keep: [true, true, false, false], pad: false,
      means: [-1.724031, -1.476197, -1.698078],
      values: [
        [-1.384562, -0.419090, -2.386823],
        [-2.213695, -0.827920, -0.790216],
        [-0.580550, -1.092965, -2.252003],
        [-4.184540, -2.415572, -0.110424],
        [-0.128726, -2.251521, -4.163967],
      ]),
    GoldenOutput(
      name: "UNet 3D, 8 x 32 x 32, keep T,T,F,F, pad",
      architecture: .unet(dimensions: 3), size: Size3(x: 32, y: 32, z: 8),
      keep: [true, true, false, false], pad: true,
      means: [-1.806284, -1.768977, -1.644633],
      values: [
        [-1.113149, -1.743849, -0.699908],
        [-2.922741, -0.913624, -0.606702],
        [-3.288775, -3.353705, -0.074997],
        [-1.981470, -1.743786, -0.375019],
        [-0.974791, -1.409047, -0.971929],
      ]),
    GoldenOutput(
      name: "UNet 3D, 5 x 21 x 33 (conformed), keep T,T,T,F, no pad",
      architecture: .unet(dimensions: 3), size: Size3(x: 33, y: 21, z: 5),
      keep: [true, true, true, false], pad: false,
      means: [-1.683655, -1.417949, -1.661019],
      values: [
        [-0.987644, -0.929807, -1.457073],
        [-0.598439, -2.732670, -2.299386],
        [-1.654470, -0.504937, -1.655365],
        [-1.535040, -1.855723, -0.494723],
        [-1.109464, -3.333456, -0.972341],
      ]),
    GoldenOutput(
      name: "UNet 3D, 5 x 21 x 33 (conformed), keep T,T,T,F, pad",
      architecture: .unet(dimensions: 3), size: Size3(x: 33, y: 21, z: 5),
      keep: [true, true, true, false], pad: true,
      means: [-1.705527, -1.720275, -1.652576],
      values: [
        [-2.771028, -0.138067, -2.712636],
        [-0.472719, -4.407142, -2.973377],
        [-0.518222, -2.687094, -1.672086],
        [-0.882172, -0.633706, -3.005568],
        [-3.601322, -3.204543, -0.747170],
      ]),
    GoldenOutput(
      name: "FlowResNet 3D, 8 x 32 x 32, keep T,T,F,F, no pad",
      architecture: .flowResNet(dimensions: 3), size: Size3(x: 32, y: 32, z: 8),
      keep: [true, true, false, false], pad: false,
      means: [-0.405138, 0.035606, -0.307133],
      values: [
        [-0.281969, 0.044265, -0.114945],
        [-0.178749, 0.203746, -0.149774],
        [-0.228656, 0.141643, 0.026303],
        [-0.053553, 0.107662, 0.045899],
        [-0.621186, 0.078298, -0.511401],
      ]),
    GoldenOutput(
      name: "FlowResNet 3D, 8 x 32 x 32, keep T,T,F,F, pad",
      architecture: .flowResNet(dimensions: 3), size: Size3(x: 32, y: 32, z: 8),
      keep: [true, true, false, false], pad: true,
      means: [-0.480328, 0.021787, -0.398095],
      values: [
        [-0.692822, -0.246180, -0.697146],
        [-0.310723, 0.302412, -0.132707],
        [-0.074619, 0.047101, 0.129418],
        [-0.328227, 0.187240, -0.313933],
        [-0.592179, 0.225610, -0.330716],
      ]),
    GoldenOutput(
      name: "ResUNet 3D, 8 x 32 x 32, keep all T, no pad",
      architecture: .resUNet(dimensions: 3), size: Size3(x: 32, y: 32, z: 8),
      keep: [true, true, true, true], pad: false,
      means: [-1.642735, -1.594839, -1.394414],
      values: [
        [-1.037658, -1.275211, -1.004181],
        [-1.892765, -1.727765, -0.397997],
        [-0.304751, -2.501486, -1.710752],
        [-1.285849, -2.733042, -0.417695],
        [-1.669329, -0.591239, -1.354851],
      ]),
    GoldenOutput(
      name: "UNet 2D, no pad",
      architecture: .unet(dimensions: 2), size: Size3(x: 48, y: 32, z: 1),
      keep: [true, true, true, true], pad: false,
      means: [-1.705998, -1.458164, -1.680045],
      values: [
        [-1.926699, -2.036270, -0.323161],
        [-0.431173, -2.267566, -1.399624],
        [-2.105355, -0.266444, -2.188373],
        [-0.307986, -1.746125, -2.401013],
        [-3.283928, -0.184141, -2.034846],
      ]),
    GoldenOutput(
      name: "UNet 2D, pad",
      architecture: .unet(dimensions: 2), size: Size3(x: 48, y: 32, z: 1),
      keep: [true, true, true, true], pad: true,
      means: [-1.728566, -1.386902, -1.669151],
      values: [
        [-0.499341, -1.560390, -1.698185],
        [-0.429734, -1.596989, -1.918598],
        [-3.179451, -0.106034, -2.830263],
        [-1.127936, -0.496144, -2.696728],
        [-4.403905, -0.082997, -2.696865],
      ]),
    GoldenOutput(
      name: "FlowResNet 2D, no pad",
      architecture: .flowResNet(dimensions: 2), size: Size3(x: 48, y: 32, z: 1),
      keep: [true, true, true, true], pad: false,
      means: [-0.771871, 0.264692],
      values: [
        [-0.514469, 0.227979],
        [-0.799691, -0.121044],
        [-0.899181, 0.309252],
        [-0.912041, 0.380236],
        [-0.969164, 0.591752],
      ]),
  ]
}
