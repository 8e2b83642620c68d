"""How accurate the verdicts and the speeds are, over named scenes and large pools of passes."""
