# For tools that call node-gyp: one target without sources of its own, which hands over to the CMake build.
{
  "targets": [
    {
      "target_name": "gadolinium",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake-js build",
          "inputs": ["CMakeLists.txt", "package.json"],
          "outputs": ["build/release/gadolinium.node"],
          "action": ["node", "node_modules/cmake-js/bin/cmake-js", "build", "--out", "build/release", "-p", "2"]
        }
      ]
    }
  ]
}
